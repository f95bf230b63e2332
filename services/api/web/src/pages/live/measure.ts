import { useTranslation } from "react-i18next";
import type { Measure } from "@/api/figures";
import { span } from "@/format/format";

export const MEASURES = ["waiting", "longest_wait", "service_level", "free_agents"] as const;

/** A figure of a measure as people read it. */
export function useMeasured() {
  const { i18n } = useTranslation();
  return (measure: Measure, value: number) => {
    if (measure === "longest_wait") return span(value);
    if (measure === "service_level") return new Intl.NumberFormat(i18n.language, { style: "percent" }).format(value / 100);
    return String(value);
  };
}
