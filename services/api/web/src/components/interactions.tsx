import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useMe, useNames } from "@/api/queries";
import type { Interaction } from "@/api/types";
import { Badge, PhoneNumber, type Tone } from "@/components/ui";
import { dateTime, span } from "@/format/format";

const TONES: Record<string, Tone> = { answered: "ok", abandoned: "bad", self_served: "info" };
const OUTCOMES = ["answered", "abandoned", "self_served"] as const;
type OutcomeName = (typeof OUTCOMES)[number];

/** How a call ended, or that it goes on. */
export function Outcome({ of }: { of: Pick<Interaction, "outcome"> }) {
  const { t } = useTranslation();
  const known = OUTCOMES.find((name): name is OutcomeName => name === of.outcome);
  const text = known ? t(`outcome.${known}`) : (of.outcome ?? t("outcome.goesOn"));
  return <Badge tone={of.outcome ? (TONES[of.outcome] ?? "neutral") : "accent"}>{text}</Badge>;
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
          <Outcome of={one} />
          <span className="min-w-0 grow basis-28 truncate text-muted">
            {one.contact_name || <PhoneNumber number={one.from} />}
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
