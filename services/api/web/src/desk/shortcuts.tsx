import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "@/components/ui";
import { desk } from "./desk";
import { currentLeg, currentOffer } from "./view";

const KEYS = ["a", "d", "m", "h", "t", "k", "n", "e", "Ctrl+K", "?"] as const;
const NAMES = {
  a: "accept",
  d: "decline",
  m: "mute",
  h: "hold",
  t: "connect",
  k: "keypad",
  n: "note",
  e: "end",
  "Ctrl+K": "palette",
  "?": "help",
} as const;

/** Writing is not commanding. */
export function isTyping(target: EventTarget | null) {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}

/** To the field where notes are typed, if it is on the page. */
function focusNote(): boolean {
  const field = document.querySelector<HTMLElement>('[data-testid="wrapup-note"]');
  field?.focus();
  return field !== null;
}

function act(key: string): boolean {
  const view = desk.get();
  const offer = currentOffer(view);
  const leg = currentLeg(view);
  if (key === "a" && offer) desk.accept(offer.reservation);
  else if (key === "d" && offer) desk.decline(offer.reservation);
  else if (key === "m" && leg) desk.mute(leg.leg, !(leg.mutedWanted ?? leg.muted));
  else if (key === "h" && leg) desk.hold(leg.leg, !(leg.heldWanted ?? leg.held));
  else if (key === "e" && leg) desk.hangUp(leg.leg);
  else if (key === "n") return focusNote();
  else return false;
  return true;
}

export function Shortcuts() {
  const { t } = useTranslation();
  const [help, setHelp] = useState(false);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
      if (event.key === "?") setHelp(true);
      else if (!act(event.key.toLowerCase())) return;
      event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  return (
    <Dialog open={help} onClose={() => setHelp(false)} title={t("shortcuts.title")}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-2 text-sm">
        {KEYS.map((key) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="inline-block min-w-6 rounded border border-line-strong bg-sunken px-1.5 py-0.5 text-center font-mono text-xs">
                {key}
              </kbd>
            </dt>
            <dd>{t(`shortcuts.${NAMES[key]}`)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
