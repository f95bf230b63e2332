import clsx from "clsx";
import type { ComponentProps } from "react";
import { useFieldIds } from "./field";

export const BOX =
  "w-full min-w-0 rounded-md border border-line-strong bg-surface text-ink text-base aria-invalid:border-bad disabled:opacity-60";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input {...useFieldIds()} {...rest} className={clsx(BOX, "h-8.5 px-2.5", className)} />;
}

export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea {...useFieldIds()} {...rest} className={clsx(BOX, "min-h-20 px-2.5 py-2", className)} />;
}

type CheckProps = Omit<ComponentProps<"input">, "type"> & { label: string };

export function Checkbox({ label, className, ...rest }: CheckProps) {
  return (
    <label className={clsx("inline-flex items-center gap-2 text-sm", className)}>
      <input type="checkbox" {...rest} className="size-4 shrink-0 accent-accent" />
      {label}
    </label>
  );
}
