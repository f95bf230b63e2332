import clsx from "clsx";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useNames } from "@/api/queries";
import type { LiveQueue } from "@/api/types";
import { Elapsed } from "@/components/ui";
import { meanSpan, percent } from "@/format/format";

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
  return (
    <section
      aria-label={names.queue(queue.queue)}
      data-testid="queue-tile"
      className="rounded-lg border border-line bg-surface p-4"
    >
      <div className="flex items-start justify-between gap-3">
        <h2 className="min-w-0 truncate font-semibold">{names.queue(queue.queue)}</h2>
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
      <p className="mt-3 mb-1 text-xs text-muted">{t("live.today")}</p>
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
