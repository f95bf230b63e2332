import { useMutation } from "@tanstack/react-query";
import clsx from "clsx";
import { Star } from "lucide-react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { useMay, useNames } from "@/api/queries";
import type { LiveAgent, LiveCall } from "@/api/figures";
import type { Contact } from "@/api/types";
import { useProblemText } from "@/api/words";
import { Badge, Button, type Column, Elapsed, EmptyState, PhoneNumber, Table, toast } from "@/components/ui";
import { Dialled } from "../desk/offer-card";
import { carries } from "./assign";
import { CallActions, waits } from "./call-actions";
import { STAGES, stageTone, useStageName } from "./stage";

const order = (call: LiveCall) => STAGES.findIndex((stage) => stage === call.stage);

/** Every call from its arrival to its end, those nearest to an agent last. */
export function CallTable({ calls, agents }: { calls: LiveCall[]; agents: LiveAgent[] }) {
  const { t } = useTranslation();
  const may = useMay()("supervise");
  const names = useNames();
  const stage = useStageName();
  const columns: Column<LiveCall>[] = [
    {
      head: t("live.stageColumn"),
      testId: "live-call-stage",
      cell: (call) => (
        <span className="flex items-center gap-2 whitespace-nowrap">
          <Badge tone={stageTone(call.stage)} dot data-stage={call.stage}>
            {stage(call.stage)}
          </Badge>
          <span className="text-muted">
            <Elapsed since={call.stage_since_ms} />
          </span>
          {call.held && <Badge tone="warn">{t("live.held")}</Badge>}
        </span>
      ),
    },
    { head: t("live.caller"), testId: "live-call-caller", cell: (call) => <Caller call={call} /> },
    { head: t("fact.dialled"), testId: "live-call-did", cell: (call) => <Dialled label={call.did_label} number={call.did} /> },
    { head: t("fact.path"), testId: "live-call-path", cell: (call) => call.path || (call.node ?? "") },
    { head: t("fact.queue"), cell: (call) => names.queue(call.queue) },
    { head: t("live.position"), figure: true, cell: (call) => (call.position > 0 ? call.position : "") },
    {
      head: t("fact.wait"),
      figure: true,
      testId: "live-call-wait",
      cell: (call) =>
        call.waiting_since_ms > 0 && call.stage !== "talking" ? <Elapsed since={call.waiting_since_ms} /> : "",
    },
    {
      head: t("fact.agent"),
      cell: (call) =>
        call.stage === "ringing" && call.agent ? (
          <>
            {t("live.ringsFor", { agent: names.agent(call.agent) })} <Elapsed since={call.stage_since_ms} />
          </>
        ) : (
          names.agent(call.agent)
        ),
    },
    { head: t("live.total"), figure: true, cell: (call) => <Elapsed since={call.offered_at_ms} /> },
  ];
  const acts: Column<LiveCall> = {
    head: <span className="sr-only">{t("common.actions")}</span>,
    cell: (call) => (
      <span className="flex justify-end">
        {waits(call) && <CallActions call={call} name={nameOf(call) ?? call.from} agents={agents} />}
      </span>
    ),
  };
  return (
    <Table
      caption={t("live.calls")}
      columns={may ? [...columns, acts] : columns}
      rows={calls.toSorted((a, b) => order(a) - order(b) || a.offered_at_ms - b.offered_at_ms)}
      rowKey={(call) => call.call}
      rowTestId="live-call-row"
      rowClass={(call) => clsx(call.contact?.vip && "bg-note-soft/50", may && waits(call) && "cursor-grab")}
      rowProps={(call) => (may && waits(call) ? carries(call.call) : {})}
      empty={<EmptyState title={t("live.noCalls")} />}
    />
  );
}

/** Marks somebody as important, or no more; the monitor follows within a second. */
function VipStar({ contact }: { contact: Contact }) {
  const { t } = useTranslation();
  const words = useProblemText();
  const mark = useMutation({
    mutationFn: (vip: boolean) => request("PATCH", `/contacts/${contact.id}`, { body: { vip } }),
    onError: (error) => toast("bad", words(error)),
  });
  return (
    <Button
      look="quiet"
      size="sm"
      icon
      aria-pressed={contact.vip}
      aria-label={t("live.vipMark")}
      title={t("live.vipMark")}
      onClick={() => mark.mutate(!contact.vip)}
      data-testid="vip-star"
    >
      <Star aria-hidden className={clsx("size-4", contact.vip ? "fill-current text-note" : "text-muted")} />
    </Button>
  );
}

export const nameOf = ({ contact, from }: LiveCall) => (contact?.name && contact.name !== from ? contact.name : null);

/** The name and organisation of who is known, else the number. */
function Caller({ call }: { call: LiveCall }) {
  const { contact, from } = call;
  const { t } = useTranslation();
  const may = useMay()("contacts:write");
  const name = nameOf(call);
  return (
    <span className="flex flex-wrap items-center gap-x-2">
      {contact && may && <VipStar contact={contact} />}
      {contact?.vip && (
        <Badge tone="note" data-testid="vip">
          {t("contacts.vip")}
        </Badge>
      )}
      <span className={name ? "font-medium" : undefined}>{name ?? <PhoneNumber number={from} />}</span>
      {contact?.organisation && <span className="text-muted">{contact.organisation}</span>}
    </span>
  );
}
