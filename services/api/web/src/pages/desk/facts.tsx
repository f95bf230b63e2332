import clsx from "clsx";
import type { ReactNode } from "react";

/** Short facts with their names. */
export function Facts({ facts, className }: { facts: [string, ReactNode][]; className?: string }) {
  return (
    <dl className={clsx("grid grid-cols-2 gap-x-4 gap-y-2 text-sm sm:grid-cols-4", className)}>
      {facts.map(([name, value]) => (
        <div key={name} className="min-w-0">
          <dt className="text-xs text-muted">{name}</dt>
          <dd className="min-w-0 font-medium break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
