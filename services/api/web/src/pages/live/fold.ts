import type { Live, LiveDelta } from "@/api/figures";

/** What was, with what has changed in its place, without what is gone, and with what is new behind it. */
function changed<T>(rows: T[], id: (row: T) => string, news: T[] = [], gone: string[] = []): T[] {
  if (news.length === 0 && gone.length === 0) return rows;
  const byId = new Map(rows.map((row) => [id(row), row]));
  for (const row of news) byId.set(id(row), row);
  for (const row of gone) byId.delete(row);
  return [...byId.values()];
}

/** The view after a delta. Rows that did not change stay the same objects. */
export function fold(live: Live, delta: LiveDelta): Live {
  return {
    sequence: delta.sequence,
    at_ms: delta.at_ms,
    calls: changed(live.calls, (call) => call.call, delta.calls, delta.gone_calls),
    agents: changed(live.agents, (agent) => agent.agent, delta.agents, delta.gone_agents),
    queues: changed(live.queues, (queue) => queue.queue, delta.queues, delta.gone_queues).toSorted((a, b) =>
      a.queue < b.queue ? -1 : 1,
    ),
    alerts: changed(live.alerts, (alert) => alert.id, delta.alerts, delta.gone_alerts),
  };
}
