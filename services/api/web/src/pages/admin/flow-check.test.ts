import { describe, expect, it } from "vitest";
import { check, stepOf } from "./flow-check";

const flow = (nodes: object, start = "a") => ({ name: "f", language: "en", start, nodes });
const play = (next: string) => ({ type: "play", label: "x", say: [{ text: "hm" }], next });

describe("the flow editor", () => {
  it("finds nothing wrong with a flow whose steps all lead somewhere", () => {
    expect(check(flow({ a: play("b"), b: { type: "hangup" } }))).toEqual([]);
  });

  it("names the exit that leads nowhere, as the server would", () => {
    const menu = { type: "menu", label: "m", say: [], choices: { 1: "gone" }, no_input: "a", no_match: "a" };
    expect(check(flow({ a: menu }))).toEqual([{ place: "nodes.a.choices.1", what: "leads" }]);
  });

  it("names the step that nobody reaches, and the fields that are not there", () => {
    expect(check(flow({ a: { type: "hangup" }, b: { type: "hangup" } }))).toEqual([
      { place: "nodes.b", what: "unreachable" },
    ]);
    expect(check({ name: "f" }).map((finding) => finding.place)).toEqual(["language", "start", "nodes"]);
  });

  it("follows every exit of conditions, hours and questions to other systems", () => {
    const cases = [{ variable: "vip", test: "is", value: "yes", next: "ask" }];
    const nodes = {
      a: { type: "condition", label: "x", cases, otherwise: "b" },
      b: { type: "hours", label: "x", time_zone: "UTC", weekly: [], open: "ask", closed: "end", holiday: "gone" },
      ask: { type: "http", label: "x", url: "https://crm.example", next: "end" },
      end: { type: "hangup" },
    };
    expect(check(flow(nodes))).toEqual([
      { place: "nodes.b.holiday", what: "leads" },
      { place: "nodes.ask.failed", what: "missing" },
    ]);
  });

  it("knows which step a problem is about", () => {
    expect(stepOf({ place: "nodes.menu.choices.1" })).toBe("menu");
    expect(stepOf({ place: "name" })).toBeUndefined();
  });
});
