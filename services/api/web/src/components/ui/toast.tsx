import clsx from "clsx";
import { X } from "lucide-react";
import { useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./button";

type Tone = "ok" | "bad" | "info";
type Toast = { id: number; tone: Tone; text: string };

const SHOWN_MAX = 4;
const SHOWN_MS = { ok: 4_000, info: 6_000, bad: 9_000 } as const;

let toasts: Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function change(next: Toast[]) {
  toasts = next;
  for (const listener of listeners) listener();
}

const dismiss = (id: number) => change(toasts.filter((toast) => toast.id !== id));

/** Says something in passing. */
export function toast(tone: Tone, text: string) {
  last += 1;
  const id = last;
  change([...toasts.filter((one) => one.text !== text), { id, tone, text }].slice(-SHOWN_MAX));
  setTimeout(dismiss, SHOWN_MS[tone], id);
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

const EDGE: Record<Tone, string> = { ok: "border-l-ok", bad: "border-l-bad", info: "border-l-info" };

export function Toasts() {
  const { t } = useTranslation();
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div
      role="status"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-3 bottom-3 z-60 flex flex-col items-end gap-2"
    >
      {shown.map((one) => (
        <div
          key={one.id}
          data-testid="toast"
          className={clsx(
            "animate-rise pointer-events-auto flex w-full max-w-sm items-start gap-2 rounded-md border border-l-4 border-line bg-surface py-2 pr-1.5 pl-3 text-sm shadow-lg",
            EDGE[one.tone],
          )}
        >
          <p className="grow pt-1 break-words">{one.text}</p>
          <Button look="quiet" size="sm" icon aria-label={t("common.close")} onClick={() => dismiss(one.id)}>
            <X aria-hidden className="size-4" />
          </Button>
        </div>
      ))}
    </div>
  );
}
