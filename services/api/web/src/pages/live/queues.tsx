import clsx from "clsx";
import { UserPlus } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay, useNames } from "@/api/queries";
import type { LiveQueue } from "@/api/figures";
import { Button, Dialog, Elapsed } from "@/components/ui";
import { meanSpan, percent } from "@/format/format";
import { LoanForm } from "./loan-form";

/** One tile for each queue: who waits now, and how the day went. */
export function QueueTiles({ queues }: { queues: LiveQueue[] }) {
  return (
    <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
      {queues.map((queue) => (
        <li key={queue.queue}>
          <Tile queue={queue} />
        </li>
      ))}
    </ul>
  );
}

function Tile({ queue }: { queue: LiveQueue }) {
  const { t, i18n } = useTranslation();
  const names = useNames();
  const { today } = queue;
  const waits = queue.waiting > 0;
  const may = useMay()("supervise");
  return (
    <section
      aria-label={names.queue(queue.queue)}
      data-testid="queue-tile"
      className="rounded-lg border border-line bg-surface p-4"
    >
      <div className="flex items-start justify-between gap-3">
        <div className="flex min-w-0 items-center gap-1">
          <h2 className="min-w-0 truncate font-semibold">{names.queue(queue.queue)}</h2>
          {may && <Borrow queue={queue.queue} name={names.queue(queue.queue)} />}
        </div>
        <div className="text-right">
          <p className={clsx("text-2xl leading-7 font-semibold tabular-nums", waits && "text-warn")}>
            <span data-testid="figure-waiting">{queue.waiting}</span>
          </p>
          <p className="text-xs text-muted">
            {t("live.waiting")}
            {waits && queue.longest_waiting_since_ms > 0 && (
              <>
                {" · "}
                <Elapsed since={queue.longest_waiting_since_ms} testId="figure-longest" />
              </>
            )}
          </p>
        </div>
      </div>
      <p className="mt-2 text-sm text-muted" data-testid="figure-free">
        {t("loan.free", { free: queue.free, all: queue.signed_in })}
      </p>
      <p className="mt-2 mb-1 text-xs text-muted">{t("live.today")}</p>
      <dl className="grid grid-cols-5 gap-2">
        <Figure name={t("figure.offered")} id="offered">
          {today.offered}
        </Figure>
        <Figure name={t("figure.answered")} id="answered">
          {today.answered}
        </Figure>
        <Figure name={t("figure.abandoned")} id="abandoned">
          {today.abandoned}
        </Figure>
        <Figure name={t("live.serviceLevel")} title={t("figure.service_level")} id="service_level">
          {percent(today.service_level, i18n.language)}
        </Figure>
        <Figure name={t("figure.asa_ms")} id="asa_ms">
          {meanSpan(today.asa_ms)}
        </Figure>
      </dl>
    </section>
  );
}

/** Agents of others for this queue. */
function Borrow({ queue, name }: { queue: string; name: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        look="quiet"
        size="sm"
        icon
        aria-label={t("loan.borrow", { name })}
        title={t("loan.borrow", { name })}
        onClick={() => setOpen(true)}
        data-testid="loan-borrow"
      >
        <UserPlus aria-hidden className="size-4" />
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t("loan.borrow", { name })}>
        {open && <LoanForm queue={queue} onDone={() => setOpen(false)} />}
      </Dialog>
    </>
  );
}

type FigureProps = { name: string; title?: string; id: string; children: ReactNode };

function Figure({ name, title = name, id, children }: FigureProps) {
  return (
    <div className="flex min-w-0 flex-col-reverse justify-end">
      <dt className="truncate text-2xs text-muted" title={title}>
        {name}
      </dt>
      <dd className="font-semibold tabular-nums" data-testid={`figure-${id}`}>
        {children}
      </dd>
    </div>
  );
}
