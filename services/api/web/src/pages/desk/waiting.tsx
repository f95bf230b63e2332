import { useMutation } from "@tanstack/react-query";
import { PhoneIncoming } from "lucide-react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { useNames } from "@/api/queries";
import type { LiveCall } from "@/api/figures";
import { useProblemText } from "@/api/words";
import { Badge, Button, Card, Elapsed, PhoneNumber, toast } from "@/components/ui";
import { useDesk } from "@/desk/desk";
import { nameOf } from "@/pages/live/calls";
import { useLive } from "@/pages/live/stream";

/** States in which one can take a caller. */
const FREE = ["available", "aux", "missed"];

/** Who waits in one's own queues, whether it rings at a colleague or not; nothing where nobody does. */
export function WaitingCallers() {
  const { t } = useTranslation();
  const { live } = useLive("/v1/live/waiting");
  const { state } = useDesk();
  const calls = (live?.calls ?? []).toSorted((a, b) => a.waiting_since_ms - b.waiting_since_ms);
  if (calls.length === 0) return null;
  return (
    <Card title={t("pickup.title", { count: calls.length })} data-testid="waiting">
      <ul className="divide-y divide-line">
        {calls.map((call) => (
          <Caller key={call.call} call={call} free={FREE.includes(state?.state ?? "")} />
        ))}
      </ul>
    </Card>
  );
}

function Caller({ call, free }: { call: LiveCall; free: boolean }) {
  const { t } = useTranslation();
  const names = useNames();
  const words = useProblemText();
  const pick = useMutation({
    mutationFn: () => request<void>("POST", `/calls/${encodeURIComponent(call.call)}/pickup`),
    onError: (error) => toast("bad", words(error)),
  });
  const name = nameOf(call);
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 py-2 first:pt-0 last:pb-0" data-testid="waiting-call">
      <span className="min-w-40 grow">
        <span className="font-medium">{name ?? <PhoneNumber number={call.from} />}</span>{" "}
        <span className="text-sm text-muted">{names.queue(call.queue)}</span>
      </span>
      {call.contact?.vip && <Badge tone="note">{t("contacts.vip")}</Badge>}
      {call.stage === "ringing" && call.agent && (
        <Badge tone="accent" dot>
          {t("live.ringsFor", { agent: names.agent(call.agent) })}
        </Badge>
      )}
      <span className="tabular-nums text-muted">
        <Elapsed since={call.waiting_since_ms} />
      </span>
      <Button
        size="sm"
        disabled={!free}
        busy={pick.isPending}
        onClick={() => pick.mutate()}
        aria-label={t("pickup.take", { name: name ?? call.from })}
        data-testid="pick-up"
      >
        <PhoneIncoming aria-hidden className="size-3.5" />
        {t("pickup.pick")}
      </Button>
    </li>
  );
}
