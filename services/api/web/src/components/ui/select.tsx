import clsx from "clsx";
import { ChevronDown } from "lucide-react";
import type { ComponentProps } from "react";
import { useFieldIds } from "./field";
import { BOX } from "./input";

/** The platform's own list: the keyboard, phones and screen readers know it. */
export function Select({ className, children, ...rest }: ComponentProps<"select">) {
  return (
    <span className={clsx("relative inline-flex min-w-0", className)}>
      <select {...useFieldIds()} {...rest} className={clsx(BOX, "h-8.5 appearance-none pr-8 pl-2.5")}>
        {children}
      </select>
      <ChevronDown
        aria-hidden
        className="pointer-events-none absolute top-1/2 right-2.5 size-4 -translate-y-1/2 text-muted"
      />
    </span>
  );
}
