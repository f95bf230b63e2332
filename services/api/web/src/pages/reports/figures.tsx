import { useTranslation } from "react-i18next";
import type { Figures, ReportRow } from "@/api/figures";
import type { Column } from "@/components/ui";
import { meanSpan, percent, span } from "@/format/format";

/** The figures that the page explains. */
export const DEFINED = [
  "offered",
  "answered",
  "abandoned",
  "short_abandoned",
  "overflowed",
  "missed",
  "declined",
  "in_progress",
  "service_level",
  "asa_ms",
  "aht_ms",
  "abandonment",
  "occupancy",
  "handled",
] as const;

const COUNTS = ["offered", "answered", "abandoned", "short_abandoned", "overflowed"] as const;
/** Of the overflowed of a queue, why. */
const OVERFLOWS = [
  "overflowed_full",
  "overflowed_no_agents",
  "overflowed_wait_limit",
  "overflowed_emergency",
] as const;
const OFFERS = ["missed", "declined"] as const;
const CALLERS = ["service_level", "asa_ms", "longest_wait_ms"] as const;
const AGENTS = ["occupancy", "signed_in_ms"] as const;

type Shown =
  | (typeof COUNTS)[number]
  | (typeof OVERFLOWS)[number]
  | (typeof OFFERS)[number]
  | (typeof CALLERS)[number]
  | (typeof AGENTS)[number]
  | "in_progress"
  | "aht_ms"
  | "abandonment"
  | "talk_ms"
  | "hold_ms"
  | "wrap_up_ms"
  | "handled";

const SHARES: Shown[] = ["service_level", "abandonment", "occupancy"];
const MEANS: Shown[] = ["asa_ms", "aht_ms"];

function write(figures: Figures, name: Shown, language: string) {
  const value = figures[name];
  if (SHARES.includes(name)) return percent(value, language);
  if (MEANS.includes(name)) return meanSpan(value);
  return name.endsWith("_ms") ? span(value ?? 0) : String(value);
}

/** By agent the figures are offers, by queue and number they are callers. */
export function useFigureColumns(by: "queue" | "agent" | "did"): Column<ReportRow>[] {
  const { t, i18n } = useTranslation();
  const names: Shown[] =
    by === "agent"
      ? ["offered", "answered", "missed", "declined", "overflowed", "abandoned", "in_progress", "handled"]
      : [...COUNTS, ...(by === "queue" ? OVERFLOWS : []), "in_progress", "service_level", "abandonment", "asa_ms", "longest_wait_ms"];
  const times: Shown[] =
    by === "agent"
      ? ["aht_ms", "talk_ms", "hold_ms", "wrap_up_ms", ...AGENTS]
      : ["aht_ms", "talk_ms", "hold_ms"];
  const columns = [...names, ...times].map(
    (name): Column<ReportRow> => ({
      head: t(`figure.${name}`),
      figure: true,
      testId: `report-${name}`,
      cell: (row) => write(row.figures, name, i18n.language),
    }),
  );
  if (by === "agent") return columns;
  const where: Column<ReportRow> = {
    head: t("figure.abandonedWhere"),
    figure: true,
    testId: "report-abandoned-where",
    cell: ({ figures }) =>
      [figures.abandoned_greeting, figures.abandoned_menu, figures.abandoned_queue, figures.abandoned_ringing].join(
        " / ",
      ),
  };
  return [...columns, where];
}
