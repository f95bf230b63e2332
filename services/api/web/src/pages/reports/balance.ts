import type { Figures, Report } from "@/api/figures";

/** offered = answered + abandoned + overflowed + missed + declined + in progress. */
export function balanceOf(figures: Figures) {
  const { offered, answered, abandoned, overflowed, missed, declined, in_progress: inProgress } = figures;
  const ended = answered + abandoned + overflowed + missed + declined;
  return { offered, ended, inProgress, holds: offered === ended + inProgress };
}

/** Where two reports of one period differ: "key figure". */
export function differences(shown: Report, anew: Report): string[] {
  const rows = (report: Report) =>
    new Map([...report.rows, ...(report.total ? [report.total] : [])].map((row) => [`${row.key} ${row.from_ms}`, row]));
  const [left, right] = [rows(shown), rows(anew)];
  const keys = new Set([...left.keys(), ...right.keys()]);
  return [...keys].flatMap((key) => {
    const [one, other] = [left.get(key)?.figures, right.get(key)?.figures];
    if (!one || !other) return [key.trim()];
    const names = Object.keys(one) as (keyof Figures)[];
    return names.filter((name) => one[name] !== other[name]).map((name) => `${key.split(" ")[0] ?? ""} ${name}`);
  });
}
