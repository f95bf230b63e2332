import { useTranslation } from "react-i18next";
import type { Tone } from "@/components/ui";
import type { AgentState, StateName } from "./messages";

/** What is sent to the server, so that reports in any language know it. */
export const REASONS = ["break", "lunch", "meeting", "training", "other"] as const;
type Reason = (typeof REASONS)[number];

const isReason = (text: string): text is Reason => (REASONS as readonly string[]).includes(text);

const TONES: Record<StateName, Tone> = {
  offline: "neutral",
  available: "ok",
  aux: "warn",
  ringing: "accent",
  on_call: "info",
  wrap_up: "note",
  missed: "bad",
};

export const stateTone = (state: string): Tone => TONES[state as StateName] ?? "neutral";

/** Reasons that the system gives, as the server writes them. */
const SYSTEM = {
  "no answer": "noAnswer",
  "media failed": "mediaFailed",
  "connection lost": "connectionLost",
  "device offline": "deviceOffline",
  "signed out": "signedOut",
} as const;

/** A reason in words: a known one translated, a system's one said to be so. */
export function useReason() {
  const { t } = useTranslation();
  return (reason: string | null) => {
    if (!reason) return "";
    if (isReason(reason)) return t(`reason.${reason}`);
    if (reason in SYSTEM) return t(`systemReason.${SYSTEM[reason as keyof typeof SYSTEM]}`);
    return reason;
  };
}

/** A state with its reason: "Break: lunch". */
export function useStateLabel() {
  const { t } = useTranslation();
  const reasonOf = useReason();
  return (state: Pick<AgentState, "reason"> & { state: string }) => {
    const name = state.state in TONES ? t(`state.${state.state as StateName}`) : state.state;
    const reason = state.state === "offline" || state.state === "available" ? "" : reasonOf(state.reason);
    return reason ? `${name}: ${reason}` : name;
  };
}
