import clsx from "clsx";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { EmptyState, Elapsed, Notice, Waiting } from "@/components/ui";
import { useNow } from "@/format/clock";
import { meanSpan, percent } from "@/format/format";
import { type Board, useBoard } from "./stream";

const STALE_MS = 5_000;

/** Figures as large as the wall: the link is the only proof. */
export function WallPage() {
  const { t } = useTranslation();
  const now = useNow();
  const { board, heardAt, revoked } = useBoard(location.hash.slice(1));
  const age = heardAt === null ? 0 : now - heardAt;
  return (
    <main className="flex min-h-dvh flex-col gap-[2vmin] p-[2vmin]">
      {revoked && <EmptyState title={t("wall.revoked")} />}
      {!revoked && !board && <Waiting />}
      {board && age > STALE_MS && (
        <Notice tone="bad" testId="wall-stale">
          {t("live.stale", { seconds: Math.floor(age / 1000) })}
        </Notice>
      )}
      {board && (
        <>
          <header className="flex flex-wrap items-baseline justify-between gap-x-4">
            <h1 className="text-[max(1.5rem,4vmin)] font-semibold">{board.name}</h1>
            <p className="text-[max(1rem,2.5vmin)] text-muted">{board.company}</p>
          </header>
          <ul className="grid grow auto-rows-fr grid-cols-[repeat(auto-fit,minmax(min(100%,28rem),1fr))] gap-[2vmin]">
            {board.queues.map((queue) => (
              <Tile key={queue.name} queue={queue} />
            ))}
          </ul>
        </>
      )}
    </main>
  );
}

function Tile({ queue }: { queue: Board["queues"][number] }) {
  const { t, i18n } = useTranslation();
  const waits = queue.waiting > 0;
  return (
    <li className="flex flex-col justify-center gap-[2vmin] rounded-lg border border-line bg-surface p-[2.5vmin]" data-testid="wall-queue">
      <h2 className="truncate text-[max(1.25rem,3.5vmin)] font-semibold">{queue.name}</h2>
      <dl className="grid grid-cols-2 gap-[2vmin] sm:grid-cols-3">
        <Figure name={t("live.waiting")} large tone={waits ? "text-warn" : undefined} id="waiting">
          {queue.waiting}
        </Figure>
        <Figure name={t("live.longest")} large>
          {queue.longest_waiting_since_ms === null ? "—" : <Elapsed since={queue.longest_waiting_since_ms} />}
        </Figure>
        <Figure name={t("wall.free")} large tone={waits && queue.free === 0 ? "text-bad" : undefined}>
          {queue.free}/{queue.signed_in}
        </Figure>
        <Figure name={t("live.serviceLevel")}>{percent(queue.service_level, i18n.language)}</Figure>
        <Figure name={t("figure.answered")}>
          {queue.answered}/{queue.offered}
        </Figure>
        <Figure name={t("figure.asa_ms")}>{meanSpan(queue.asa_ms)}</Figure>
      </dl>
    </li>
  );
}

type FigureProps = { name: string; large?: boolean; tone?: string; id?: string; children: ReactNode };

function Figure({ name, large, tone, id, children }: FigureProps) {
  return (
    <div className="flex min-w-0 flex-col-reverse justify-end">
      <dt className="truncate text-[max(0.75rem,1.8vmin)] text-muted">{name}</dt>
      <dd
        className={clsx("font-semibold tabular-nums", large ? "text-[max(2rem,7vmin)] leading-none" : "text-[max(1.1rem,3.2vmin)]", tone)}
        data-testid={id && `wall-${id}`}
      >
        {children}
      </dd>
    </div>
  );
}
