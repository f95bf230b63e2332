import { useTranslation } from "react-i18next";
import { useNames } from "@/api/queries";
import type { LiveAgent, LiveCall } from "@/api/types";
import { Badge, type Column, Elapsed, EmptyState, PhoneNumber, Table } from "@/components/ui";
import { stateTone, useStateLabel } from "@/desk/words";

export function AgentTable({ agents, calls }: { agents: LiveAgent[]; calls: LiveCall[] }) {
  const { t } = useTranslation();
  const names = useNames();
  const label = useStateLabel();
  const callOf = (agent: LiveAgent) => calls.find((call) => call.call === agent.call);
  const columns: Column<LiveAgent>[] = [
    { head: t("fact.agent"), cell: (agent) => names.agent(agent.agent) },
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
  const here = agents.filter((agent) => agent.state !== "offline");
  return (
    <Table
      caption={t("live.agents")}
      columns={columns}
      rows={here.toSorted((a, b) => names.agent(a.agent).localeCompare(names.agent(b.agent)))}
      rowKey={(agent) => agent.agent}
      rowTestId="live-agent-row"
      empty={<EmptyState title={t("live.noAgents")} />}
    />
  );
}
