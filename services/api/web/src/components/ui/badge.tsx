import clsx from "clsx";
import type { ComponentProps } from "react";

export type Tone = "neutral" | "accent" | "ok" | "warn" | "bad" | "info" | "note";

const TONES: Record<Tone, string> = {
  neutral: "bg-sunken text-muted",
  accent: "bg-accent-soft text-accent",
  ok: "bg-ok-soft text-ok",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
  info: "bg-info-soft text-info",
  note: "bg-note-soft text-note",
};

export function Badge({
  tone = "neutral",
  dot,
  className,
  children,
  ...rest
}: ComponentProps<"span"> & { tone?: Tone; dot?: boolean }) {
  return (
    <span
      {...rest}
      className={clsx(
        "inline-flex h-5.5 items-center gap-1.5 rounded-full px-2 text-xs font-medium whitespace-nowrap",
        TONES[tone],
        className,
      )}
    >
      {dot && <span aria-hidden className="size-1.5 rounded-full bg-current" />}
      {children}
    </span>
  );
}
