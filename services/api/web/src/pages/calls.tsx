import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { AudioLines } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { useMay, useMe, useNames } from "@/api/queries";
import type { Interaction, List } from "@/api/types";
import { Button, Card, type Column, EmptyState, Loaded, Page, PhoneNumber, Select, Table } from "@/components/ui";
import { Direction, Other, Outcome } from "@/components/interactions";
import { dateTime, span } from "@/format/format";

export function CallsPage() {
  const { t } = useTranslation();
  const me = useMe();
  const all = useMay()("calls:read");
  const [agent, setAgent] = useState("");
  const columns = useColumns();
  const calls = useInfiniteQuery({
    queryKey: ["calls", "list", agent],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      get<List<Interaction>>(`/calls?limit=50&agent=${agent}&cursor=${encodeURIComponent(pageParam)}`),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: 10_000,
  });
  const choice = all && me.agent && (
    <Select aria-label={t("fact.agent")} value={agent} onChange={(event) => setAgent(event.target.value)}>
      <option value="">{t("calls.ofAll")}</option>
      <option value={me.agent}>{t("calls.mine")}</option>
    </Select>
  );
  return (
    <Page title={t("nav.calls")} lead={t("calls.lead")} actions={choice}>
      <Card flush>
        <Loaded query={calls}>
          {({ pages }) => (
            <Table
              caption={t("calls.caption")}
              columns={columns}
              rows={pages.flatMap((page) => page.items)}
              rowKey={(call) => call.id}
              rowTestId="call-row"
              empty={<EmptyState title={t("calls.none")}>{t("home.noCalls")}</EmptyState>}
            />
          )}
        </Loaded>
      </Card>
      {calls.hasNextPage && (
        <Button className="self-center" busy={calls.isFetchingNextPage} onClick={() => calls.fetchNextPage()}>
          {t("common.more")}
        </Button>
      )}
    </Page>
  );
}

function useColumns(): Column<Interaction>[] {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const names = useNames();
  return [
    {
      head: t("fact.started"),
      className: "whitespace-nowrap",
      cell: (call) => (
        <Link
          to="/calls/$id"
          params={{ id: call.call }}
          className="font-medium underline decoration-line-strong underline-offset-2"
        >
          {dateTime(call.started_at_ms, i18n.language, me.time_zone)}
        </Link>
      ),
    },
    {
      head: t("fact.contact"),
      cell: (call) => (
        <span className="inline-flex flex-wrap items-center gap-x-1.5">
          <Direction of={call} />
          {call.contact_name && call.contact_name !== call.from && call.contact_name !== call.to && (
            <span>{call.contact_name}</span>
          )}
          <span className="text-muted">
            <Other of={call} />
          </span>
        </span>
      ),
    },
    { head: t("fact.dialled"), cell: (call) => call.did_label || (call.did && <PhoneNumber number={call.did} />) },
    { head: t("fact.path"), cell: (call) => call.path },
    { head: t("fact.queue"), cell: (call) => names.queue(call.queue) },
    { head: t("fact.agent"), cell: (call) => names.agent(call.agent) },
    { head: t("fact.wait"), figure: true, cell: (call) => span(call.wait_ms) },
    { head: t("fact.talk"), figure: true, cell: (call) => span(call.talk_ms) },
    { head: t("fact.outcome"), cell: (call) => <Outcome of={call} />, testId: "call-outcome" },
    { head: t("fact.disposition"), cell: (call) => names.disposition(call.disposition) },
    {
      head: <span className="sr-only">{t("calls.recorded")}</span>,
      cell: (call) =>
        call.recording && <AudioLines aria-label={t("calls.recorded")} className="size-4 text-muted" />,
    },
  ];
}
