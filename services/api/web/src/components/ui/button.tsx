import clsx from "clsx";
import { Slot } from "radix-ui";
import type { ComponentProps } from "react";

type Look = "primary" | "plain" | "quiet" | "danger" | "accept";
type Size = "sm" | "md" | "lg";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-accent-ink hover:bg-accent-hover",
  plain: "bg-surface text-ink border border-line-strong/70 hover:bg-sunken",
  quiet: "text-ink hover:bg-sunken",
  danger: "bg-bad-strong text-bad-ink hover:brightness-95",
  accept: "bg-ok text-surface hover:brightness-95",
};
const SIZES: Record<Size, string> = {
  sm: "h-7 px-2.5 text-xs gap-1.5",
  md: "h-8.5 px-3.5 text-sm gap-2",
  lg: "h-11 px-5 text-base gap-2.5",
};

type Props = ComponentProps<"button"> & {
  look?: Look;
  size?: Size;
  /** Shows that the press is on its way, and takes no second one. */
  busy?: boolean;
  /** The child is the element, such as a link. */
  asChild?: boolean;
  /** Square, for an icon alone; needs an aria-label. */
  icon?: boolean;
};

export function Button({ look = "plain", size = "md", busy, asChild, icon, className, ...rest }: Props) {
  const Element = asChild ? Slot.Root : "button";
  return (
    <Element
      type={asChild ? undefined : "button"}
      aria-busy={busy || undefined}
      {...rest}
      disabled={rest.disabled || busy}
      className={clsx(
        "inline-flex shrink-0 items-center justify-center rounded-md font-medium whitespace-nowrap select-none",
        "transition-colors disabled:cursor-not-allowed disabled:opacity-55",
        LOOKS[look],
        SIZES[size],
        icon && "aspect-square !px-0",
        busy && "animate-pulse",
        className,
      )}
    />
  );
}
