import { Hand } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMay, useMe, useNames } from "@/api/queries";
import type { LiveAgent, LiveCall } from "@/api/figures";
import { Badge, type Column, Elapsed, EmptyState, PhoneNumber, Table } from "@/components/ui";
import { stateTone, useStateLabel } from "@/desk/words";
import { timeOfDay } from "@/format/format";
import { AgentActions } from "./agent-actions";
import { takes } from "./assign";
import { useAssign } from "./call-actions";

export function AgentTable({ agents, calls }: { agents: LiveAgent[]; calls: LiveCall[] }) {
  const { t, i18n } = useTranslation();
  const names = useNames();
  const me = useMe();
  const may = useMay()("supervise");
  const label = useStateLabel();
  const { mutate: give } = useAssign();
  const callOf = (agent: LiveAgent) => calls.find((call) => call.call === agent.call);
  const columns: Column<LiveAgent>[] = [
    {
      head: t("fact.agent"),
      cell: (agent) => (
        <span className="flex flex-wrap items-center gap-2">
          {names.agent(agent.agent)}
          {agent.loan && (
            <Badge tone="info" data-testid="agent-loan">
              {t("loan.until", {
                queue: names.queue(agent.loan.queue),
                time: timeOfDay(agent.loan.until_ms, i18n.language),
              })}
            </Badge>
          )}
          {agent.hand_since_ms !== null && (
            <Badge tone="bad" data-testid="hand">
              <Hand aria-hidden className="size-3.5" />
              {t("supervise.hand")} <Elapsed since={agent.hand_since_ms} />
            </Badge>
          )}
        </span>
      ),
    },
    {
      head: t("live.state"),
      testId: "live-agent-state",
      cell: (agent) => (
        <Badge tone={stateTone(agent.state)} dot data-state={agent.state}>
          {label(agent)}
        </Badge>
      ),
    },
    { head: t("live.since"), figure: true, cell: (agent) => <Elapsed since={agent.since_ms} /> },
    {
      head: t("live.call"),
      cell: (agent) => {
        const call = callOf(agent);
        return call ? <PhoneNumber number={call.from} /> : "";
      },
    },
  ];
  const acts: Column<LiveAgent> = {
    head: <span className="sr-only">{t("common.actions")}</span>,
    cell: (agent) => (
      <span className="flex justify-end">
        <AgentActions
          agent={agent.agent}
          name={names.agent(agent.agent)}
          loan={agent.loan}
          call={agent.state === "on_call" && agent.agent !== me.agent ? agent.call : null}
        />
      </span>
    ),
  };
  const here = agents.filter((agent) => agent.state !== "offline");
  return (
    <Table
      caption={t("live.agents")}
      columns={may ? [...columns, acts] : columns}
      rows={here.toSorted((a, b) => names.agent(a.agent).localeCompare(names.agent(b.agent)))}
      rowKey={(agent) => agent.agent}
      rowTestId="live-agent-row"
      rowProps={(agent) => (may ? takes((call) => give({ call, agent: agent.agent === me.agent ? null : agent.agent })) : {})}
      rowClass={(agent) => (agent.hand_since_ms === null ? undefined : "bg-bad-soft/50")}
      empty={<EmptyState title={t("live.noAgents")} />}
    />
  );
}
