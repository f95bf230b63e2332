import { describe, expect, it } from "vitest";
import type { Figures, Report } from "@/api/figures";
import { balanceOf, differences } from "./balance";

const figures = (part: Partial<Figures>) =>
  ({
    offered: 0,
    answered: 0,
    abandoned: 0,
    overflowed: 0,
    missed: 0,
    declined: 0,
    in_progress: 0,
    asa_ms: null,
    ...part,
  }) as Figures;

const report = (part: Partial<Figures>): Report => ({
  rows: [{ key: "que_1", from_ms: 0, figures: figures(part), waits: [] }],
  total: null,
  positions: [],
  as_of_ms: 0,
});

describe("the balance", () => {
  it("holds when everybody offered ended somewhere or goes on", () => {
    expect(balanceOf(figures({ offered: 5, answered: 2, abandoned: 1, overflowed: 1, in_progress: 1 })).holds).toBe(true);
    expect(balanceOf(figures({ offered: 5, answered: 2, abandoned: 1 })).holds).toBe(false);
  });
});

describe("the recount", () => {
  it("names every figure that differs, and nothing else", () => {
    expect(differences(report({ offered: 3 }), report({ offered: 3 }))).toEqual([]);
    expect(differences(report({ offered: 3, asa_ms: 10 }), report({ offered: 4 }))).toEqual([
      "que_1 offered",
      "que_1 asa_ms",
    ]);
  });

  it("names a row that one of them lacks", () => {
    expect(differences(report({}), { ...report({}), rows: [] })).toEqual(["que_1 0"]);
  });
});
