import clsx from "clsx";
import type { ComponentProps, ReactNode } from "react";

type Props = Omit<ComponentProps<"section">, "title"> & {
  title?: ReactNode;
  /** Stands beside the title. */
  actions?: ReactNode;
  /** Without padding, for a table. */
  flush?: boolean;
};

export function Card({ title, actions, flush, className, children, ...rest }: Props) {
  return (
    <section {...rest} className={clsx("min-w-0 rounded-lg border border-line bg-surface", className)}>
      {(title || actions) && (
        <header className="flex min-h-11 flex-wrap items-center justify-between gap-x-3 gap-y-1 border-b border-line px-4 py-1.5">
          <h2 className="text-sm font-semibold">{title}</h2>
          {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
        </header>
      )}
      <div className={clsx(!flush && "p-4")}>{children}</div>
    </section>
  );
}
