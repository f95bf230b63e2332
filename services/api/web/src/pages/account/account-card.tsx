import { type ReactNode, useEffect } from "react";

type Props = { title: string; lead?: string; children: ReactNode; below?: ReactNode };

export function AccountCard({ title, lead, children, below }: Props) {
  useEffect(() => {
    document.title = `${title} · Trunkline`;
  }, [title]);
  return (
    <>
      <section className="rounded-xl border border-line bg-surface p-5 sm:p-6">
        <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
        {lead && <p className="mt-1 text-sm text-muted">{lead}</p>}
        <div className="mt-5">{children}</div>
      </section>
      {below && <p className="mt-4 text-center text-sm text-muted">{below}</p>}
    </>
  );
}
