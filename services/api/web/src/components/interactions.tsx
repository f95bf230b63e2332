import { Link } from "@tanstack/react-router";
import { ArrowDownLeft, ArrowLeftRight, ArrowUpRight } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useMe, useNames } from "@/api/queries";
import type { Interaction } from "@/api/types";
import { Badge, PhoneNumber, type Tone } from "@/components/ui";
import { dateTime, span } from "@/format/format";

const TONES: Record<string, Tone> = { answered: "ok", abandoned: "bad", self_served: "info", unanswered: "neutral" };
const OUTCOMES = ["answered", "abandoned", "self_served", "unanswered"] as const;
const ARROWS = { inbound: ArrowDownLeft, outbound: ArrowUpRight, internal: ArrowLeftRight };
type OutcomeName = (typeof OUTCOMES)[number];

/** How a call ended, or that it goes on. */
export function Outcome({ of }: { of: Pick<Interaction, "outcome"> }) {
  const { t } = useTranslation();
  const known = OUTCOMES.find((name): name is OutcomeName => name === of.outcome);
  const text = known ? t(`outcome.${known}`) : (of.outcome ?? t("outcome.goesOn"));
  return <Badge tone={of.outcome ? (TONES[of.outcome] ?? "neutral") : "accent"}>{text}</Badge>;
}

/** Whom the company talked to: a number, or a colleague. */
export function Other({ of }: { of: Pick<Interaction, "direction" | "from" | "to"> }) {
  const names = useNames();
  if (of.direction === "internal") return names.agent(of.to);
  return <PhoneNumber number={of.direction === "outbound" ? of.to : of.from} />;
}

/** Whether the call came in, went out or stayed in the house. */
export function Direction({ of }: { of: Pick<Interaction, "direction"> }) {
  const { t } = useTranslation();
  const Arrow = ARROWS[of.direction];
  return <Arrow aria-label={t(`direction.${of.direction}`)} className="size-4 shrink-0 text-muted" />;
}

/** Calls in few words, newest first. */
export function InteractionList({ interactions }: { interactions: Interaction[] }) {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const names = useNames();
  return (
    <ul className="divide-y divide-line text-sm">
      {interactions.map((one) => (
        <li key={one.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 py-2">
          <Link
            to="/calls/$id"
            params={{ id: one.call }}
            className="font-medium underline decoration-line-strong underline-offset-2"
          >
            {dateTime(one.started_at_ms, i18n.language, me.time_zone)}
          </Link>
          <Direction of={one} />
          <Outcome of={one} />
          <span className="min-w-0 grow basis-28 truncate text-muted">
            {one.contact_name || <Other of={one} />}
            {one.path && (
              <>
                {" · "}
                <span title={t("fact.path")} data-testid="interaction-path">
                  {one.path}
                </span>
              </>
            )}
            {one.queue && ` · ${names.queue(one.queue)}`}
            {one.disposition && ` · ${names.disposition(one.disposition)}`}
          </span>
          <span className="text-muted tabular-nums">{span(one.talk_ms)}</span>
          {one.note && <p className="w-full text-muted">{one.note}</p>}
        </li>
      ))}
    </ul>
  );
}
