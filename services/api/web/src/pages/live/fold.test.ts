import { expect, it } from "vitest";
import type { Live, LiveCall } from "@/api/figures";
import { fold } from "./fold";

const call = (id: string, stage: string) => ({ call: id, stage }) as LiveCall;

it("keeps what did not change, replaces what did, drops what is gone and adds what is new", () => {
  const live: Live = {
    sequence: 1,
    at_ms: 10,
    calls: [call("a", "queue"), call("b", "queue"), call("c", "talking")],
    agents: [],
    queues: [], alerts: [],
  };
  const delta = { sequence: 2, at_ms: 20, calls: [call("b", "ringing"), call("d", "menu")], gone_calls: ["c"] };
  const after = fold(live, delta);
  expect(after.calls.map((one) => `${one.call} ${one.stage}`)).toEqual(["a queue", "b ringing", "d menu"]);
  expect(after.calls[0]).toBe(live.calls[0]);
  expect(after.agents).toBe(live.agents);
  expect([after.sequence, after.at_ms]).toEqual([2, 20]);
});
