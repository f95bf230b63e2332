import { expect, it } from "vitest";
import { spreadOf } from "./waits";

it("shares out all callers, and says how many were answered by then", () => {
  const rows = spreadOf([
    { up_to_ms: 5_000, answered: 3, abandoned: 1 },
    { up_to_ms: 10_000, answered: 0, abandoned: 2 },
    { up_to_ms: null, answered: 1, abandoned: 1 },
  ]);
  expect(rows.map((row) => row.share)).toEqual([0.5, 0.25, 0.25]);
  expect(rows.map((row) => row.reached)).toEqual([0.75, 0.75, 1]);
  expect(rows.map((row) => row.from_ms)).toEqual([0, 5_000, 10_000]);
  expect(spreadOf([{ up_to_ms: null, answered: 0, abandoned: 0 }])[0]).toMatchObject({ share: 0, reached: 0 });
});
