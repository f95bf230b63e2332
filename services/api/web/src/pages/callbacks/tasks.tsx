import { Link } from "@tanstack/react-router";
import { Phone, Play } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay, useMe, useNames } from "@/api/queries";
import type { Callback, MissedCall } from "@/api/types";
import { Badge, Button, type Column, PhoneNumber } from "@/components/ui";
import { dateTime, span } from "@/format/format";
import { useDeeds } from "./queries";

/** Who did not get through: the name, where there is one, and the number. */
export function Caller({ of }: { of: Pick<Callback, "number" | "contact" | "contact_name"> }) {
  const { t } = useTranslation();
  if (!of.number) return t("callbacks.anonymous");
  const number = <PhoneNumber number={of.number} />;
  if (!of.contact) return number;
  return (
    <span className="inline-flex flex-wrap items-center gap-x-1.5">
      <Link
        to="/contacts/$id"
        params={{ id: of.contact }}
        className="font-medium underline decoration-line-strong underline-offset-2"
      >
        {of.contact_name || number}
      </Link>
      {of.contact_name && <span className="text-muted">{number}</span>}
    </span>
  );
}

const STAGES = ["arriving", "greeting", "menu", "self_served", "queue", "ringing"] as const;

/** Where a call was lost. */
function useStage() {
  const { t } = useTranslation();
  return (stage: string) => {
    const known = STAGES.find((one) => one === stage);
    return known ? t(`stage.${known}`) : stage;
  };
}

/** Tasks, with what can be done about them. */
export function useTaskColumns(): Column<Callback>[] {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const names = useNames();
  const stage = useStage();
  const at = (ms: number) => dateTime(ms, i18n.language, me.time_zone);
  return [
    { head: t("callbacks.caller"), cell: (task) => <Caller of={task} /> },
    {
      head: t("callbacks.since"),
      className: "whitespace-nowrap",
      cell: (task) => at(task.first_at_ms),
    },
    {
      head: t("callbacks.last"),
      className: "whitespace-nowrap",
      cell: (task) => (
        <>
          {task.asked && <Badge tone="info">{t("callbacks.asked")}</Badge>}{" "}
          {task.message && <Badge tone="info">{t("callbacks.message")}</Badge>}{" "}
          {task.missed > 1 ? `${at(task.last_at_ms)} · ` : ""}
          {t("callbacks.missed", { count: task.missed })}
        </>
      ),
      testId: "callback-missed",
    },
    { head: t("callbacks.lostIn"), cell: (task) => stage(task.stage) },
    { head: t("fact.wait"), figure: true, cell: (task) => span(task.wait_ms) },
    { head: t("fact.dialled"), cell: (task) => task.did_label || <PhoneNumber number={task.did} /> },
    { head: t("fact.queue"), cell: (task) => names.queue(task.queue) },
    { head: t("callbacks.status"), cell: (task) => <Status task={task} /> },
  ];
}

function Status({ task }: { task: Callback }) {
  const { t } = useTranslation();
  const may = useMay();
  const names = useNames();
  const { call } = useDeeds();
  const tried = task.attempts > 0 && <span className="text-muted">{t("callbacks.attempts", { count: task.attempts })}</span>;
  return (
    <span className="inline-flex flex-wrap items-center justify-end gap-2 sm:justify-start">
      {task.state === "closed" && task.closed_how && (
        <Badge tone="ok">{t(`callbacks.how.${task.closed_how}`)}</Badge>
      )}
      {task.state === "closed" && names.agent(task.closed_by)}
      {task.state === "in_line" && <Badge tone="info">{t("callbacks.state.in_line")}</Badge>}
      {task.message && <Message task={task} />}
      {task.state === "claimed" && (
        <Badge tone="accent">{t("callbacks.claimedBy", { name: names.agent(task.claimed_by) })}</Badge>
      )}
      {tried}
      {task.state === "open" && may("desk") && (
        <Button size="sm" look="primary" busy={call.isPending} onClick={() => call.mutate(task)} data-testid="callback-call">
          <Phone aria-hidden className="size-3.5" />
          {t("callbacks.call")}
        </Button>
      )}
    </span>
  );
}

/** Fetched when it is to be heard: each playback is in the audit. */
export function Message({ task }: { task: Pick<Callback, "id"> }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  if (open) {
    return (
      // A message has no captions.
      // oxlint-disable-next-line jsx-a11y/media-has-caption
      <audio controls autoPlay src={`/v1/callbacks/${task.id}/audio`} className="h-8 max-w-full" />
    );
  }
  return (
    <Button size="sm" onClick={() => setOpen(true)} data-testid="callback-listen">
      <Play aria-hidden className="size-3.5" />
      {t("callbacks.listen")}
    </Button>
  );
}

/** Every missed call, and what was done about it. */
export function useMissedColumns(): Column<MissedCall>[] {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const names = useNames();
  const stage = useStage();
  return [
    {
      head: t("callbacks.at"),
      className: "whitespace-nowrap",
      cell: (call) => (
        <Link
          to="/calls/$id"
          params={{ id: call.call }}
          className="font-medium underline decoration-line-strong underline-offset-2"
        >
          {dateTime(call.at_ms, i18n.language, me.time_zone)}
        </Link>
      ),
    },
    { head: t("callbacks.caller"), cell: (call) => call.contact_name || <PhoneNumber number={call.from} /> },
    { head: t("callbacks.lostIn"), cell: (call) => stage(call.stage), testId: "missed-stage" },
    { head: t("fact.wait"), figure: true, cell: (call) => span(call.wait_ms) },
    { head: t("fact.dialled"), cell: (call) => call.did_label || <PhoneNumber number={call.did} /> },
    { head: t("fact.queue"), cell: (call) => names.queue(call.queue) },
    {
      head: t("callbacks.status"),
      cell: (call) => (
        <span className="inline-flex flex-wrap items-center gap-2">
          <Badge tone={call.callback_state === "closed" ? "ok" : call.callback_state === "open" ? "warn" : "neutral"}>
            {call.what === "asked" && `${t("callbacks.asked")} · `}
            {call.what === "message" && `${t("callbacks.message")} · `}
            {call.closed_how ? t(`callbacks.how.${call.closed_how}`) : t(`callbacks.state.${call.callback_state}`)}
          </Badge>
          {call.attempts > 0 && <span className="text-muted">{t("callbacks.attempts", { count: call.attempts })}</span>}
        </span>
      ),
    },
  ];
}
