import { useTranslation } from "react-i18next";
import { useMe } from "@/api/queries";
import type { Session } from "@/api/types";
import { dateTime } from "@/format/format";
import { deviceName } from "@/format/device";
import { Badge, type Column, ConfirmButton, EmptyState, Table } from "./ui";

/** Where somebody is signed in, and the way to end it. */
export function SessionTable({ sessions, onEnd }: { sessions: Session[]; onEnd: (id: string) => void }) {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const at = (ms: number) => dateTime(ms, i18n.language, me.time_zone);
  const columns: Column<Session>[] = [
    {
      head: t("account.device"),
      cell: (one) => (
        <span className="flex flex-wrap items-center gap-x-2" title={one.user_agent}>
          {deviceName(one.user_agent) || t("account.unknownDevice")}
          {one.current && <Badge tone="ok">{t("account.current")}</Badge>}
        </span>
      ),
    },
    { head: t("account.address"), cell: (one) => <code className="font-mono text-xs">{one.address}</code> },
    { head: t("account.since"), cell: (one) => at(one.created_at_ms) },
    { head: t("account.seen"), cell: (one) => at(one.seen_at_ms) },
    {
      head: <span className="sr-only">{t("common.actions")}</span>,
      cell: (one) =>
        !one.current && (
          <ConfirmButton
            label={t("account.endSession")}
            question={t("account.endSessionQuestion")}
            onConfirm={() => onEnd(one.id)}
          />
        ),
    },
  ];
  return (
    <Table
      caption={t("account.sessions")}
      columns={columns}
      rows={sessions}
      rowKey={(one) => one.id}
      rowTestId="session-row"
      empty={<EmptyState title={t("account.noSessions")} />}
    />
  );
}
