import { useTranslation } from "react-i18next";
import { Badge, Card, EmptyState, Notice, Page, Waiting } from "@/components/ui";
import { useNow } from "@/format/clock";
import { AgentTable } from "./agents";
import { AlertBanner } from "./alerts";
import { CallTable } from "./calls";
import { QueueTiles } from "./queues";
import { useLive } from "./stream";

/** A second brings an event, so that after these the stream has stopped. */
const STALE_MS = 5_000;

export function LivePage() {
  const { t } = useTranslation();
  const now = useNow();
  const { live, heardAt, connected } = useLive();
  const age = heardAt === null ? 0 : now - heardAt;
  const stale = heardAt !== null && age > STALE_MS;
  const link = (
    <Badge tone={connected ? "ok" : "warn"} dot data-testid="live-link" data-sequence={live?.sequence}>
      {t(connected ? "live.connected" : "live.reconnecting")}
    </Badge>
  );
  return (
    <Page title={t("nav.live")} lead={t("live.lead")} actions={link}>
      {stale && (
        <Notice tone="bad" testId="live-stale">
          {t("live.stale", { seconds: Math.floor(age / 1000) })}
        </Notice>
      )}
      {live === null ? (
        <Waiting />
      ) : (
        <>
          <AlertBanner alerts={live.alerts} />
          {live.queues.length === 0 ? (
            <EmptyState title={t("live.noQueues")} />
          ) : (
            <QueueTiles queues={live.queues} />
          )}
          <Card title={t("live.callCount", { count: live.calls.length })} flush>
            <CallTable calls={live.calls} agents={live.agents} />
          </Card>
          <Card title={t("live.agents")} flush>
            <AgentTable agents={live.agents} calls={live.calls} />
          </Card>
        </>
      )}
    </Page>
  );
}
