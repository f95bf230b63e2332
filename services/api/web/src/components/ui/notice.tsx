import clsx from "clsx";
import { CircleAlert, CircleCheck, Info } from "lucide-react";
import type { ReactNode } from "react";

type Tone = "info" | "ok" | "warn" | "bad";

const LOOKS: Record<Tone, string> = {
  info: "bg-info-soft text-info",
  ok: "bg-ok-soft text-ok",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
};

/** Something that stays on the page until it is no longer so. */
export function Notice({ tone = "info", children, testId }: { tone?: Tone; children: ReactNode; testId?: string }) {
  const Icon = tone === "ok" ? CircleCheck : tone === "info" ? Info : CircleAlert;
  return (
    <div
      role={tone === "bad" ? "alert" : "status"}
      data-testid={testId}
      className={clsx("flex items-start gap-2.5 rounded-md px-3 py-2 text-sm", LOOKS[tone])}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 grow break-words">{children}</div>
    </div>
  );
}
