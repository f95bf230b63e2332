import { useTranslation } from "react-i18next";
import type { Tone } from "@/components/ui";

export const STAGES = ["arriving", "greeting", "menu", "self_served", "queue", "ringing", "talking", "ended"] as const;
type Stage = (typeof STAGES)[number];

const TONES: Record<Stage, Tone> = {
  arriving: "neutral",
  greeting: "neutral",
  menu: "note",
  self_served: "ok",
  queue: "warn",
  ringing: "accent",
  talking: "info",
  ended: "neutral",
};

const known = (stage: string): Stage | undefined => STAGES.find((one) => one === stage);

export const stageTone = (stage: string): Tone => TONES[known(stage) ?? "ended"];

export function useStageName() {
  const { t } = useTranslation();
  return (stage: string) => {
    const name = known(stage);
    return name ? t(`stage.${name}`) : stage;
  };
}
