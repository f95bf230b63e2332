import clsx from "clsx";
import { DropdownMenu as Radix } from "radix-ui";
import type { ReactNode } from "react";

type Props = { trigger: ReactNode; children: ReactNode; align?: "start" | "end" };

/** Opens below its trigger, by mouse and by keyboard. */
export function Menu({ trigger, children, align = "end" }: Props) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          sideOffset={6}
          collisionPadding={8}
          className="animate-rise z-50 min-w-48 rounded-md border border-line bg-surface p-1 shadow-lg"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

type ItemProps = { onSelect?: () => void; asChild?: boolean; checked?: boolean; children: ReactNode };

export function MenuItem({ onSelect, asChild, checked, children, ...rest }: ItemProps) {
  return (
    <Radix.Item
      {...rest}
      asChild={asChild}
      onSelect={onSelect}
      className={clsx(
        "flex cursor-pointer items-center gap-2 rounded px-2.5 py-1.5 text-sm outline-none select-none data-highlighted:bg-sunken",
        checked && "font-semibold text-accent",
      )}
    >
      {children}
    </Radix.Item>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2.5 pt-1.5 pb-1 text-xs text-muted">{children}</Radix.Label>;
}

export function MenuLine() {
  return <Radix.Separator className="my-1 h-px bg-line" />;
}
