import { Check, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button, Elapsed, PhoneNumber, Remaining } from "@/components/ui";
import { desk } from "@/desk/desk";
import type { Offer } from "@/desk/messages";
import { useNow } from "@/format/clock";
import { Facts } from "./facts";
import { callerName } from "./caller";
import { Script } from "./script";

export function OfferCard({ offer }: { offer: Offer }) {
  const { t } = useTranslation();
  const { caller } = offer;
  return (
    <section
      role="alert"
      aria-label={t("desk.incoming")}
      data-testid="offer-card"
      className="animate-ring rounded-lg border-2 border-accent bg-surface p-4"
    >
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <p className="text-sm text-muted">
            {t("desk.incomingFor", { queue: offer.queue_name })}
            {offer.attempt > 1 && <> · {t("desk.attempt", { attempt: offer.attempt })}</>}
          </p>
          {offer.assigned_by && !offer.own && (
            <p className="text-sm font-medium text-accent" data-testid="offer-assigned">
              {t("assign.by", { name: offer.assigned_by })}
            </p>
          )}
          <p className="truncate text-2xl font-semibold tracking-tight" data-testid="offer-caller">
            {callerName(offer) ?? <PhoneNumber number={caller.number} />}
          </p>
        </div>
        <Deadline offer={offer} />
      </div>
      <Facts
        className="mt-3"
        facts={[
          [t("fact.number"), <PhoneNumber key="n" number={caller.number} />],
          [t("fact.dialled"), <Dialled key="d" label={caller.did_label} number={caller.did} />],
          [t("fact.path"), <span key="p" data-testid="offer-path">{caller.path || "—"}</span>],
          [t("fact.waited"), <Elapsed key="w" since={offer.waiting_since_ms} />],
        ]}
      />
      <Script offer={offer} />
      <div className="mt-4 flex flex-wrap gap-2">
        <Button
          look="accept"
          size="lg"
          className="grow sm:grow-0"
          onClick={() => desk.accept(offer.reservation)}
          data-testid="offer-accept"
          aria-keyshortcuts="a"
        >
          <Check aria-hidden className="size-5" />
          {t("desk.accept")}
        </Button>
        <Button
          size="lg"
          className="grow sm:grow-0"
          onClick={() => desk.decline(offer.reservation)}
          data-testid="offer-decline"
          aria-keyshortcuts="d"
        >
          <X aria-hidden className="size-5" />
          {t("desk.decline")}
        </Button>
      </div>
    </section>
  );
}

/** What is left to answer, as a figure and as a line that grows shorter. */
function Deadline({ offer }: { offer: Offer }) {
  const { t } = useTranslation();
  const now = useNow();
  const RINGS_FOR_MS = 15_000;
  const share = Math.max(0, Math.min(1, (offer.deadline_ms - now) / RINGS_FOR_MS));
  return (
    <div className="w-28 text-right">
      <p className="text-xs text-muted">{t("desk.toAnswer")}</p>
      <p className="text-xl font-semibold" data-testid="offer-countdown">
        <Remaining until={offer.deadline_ms} />
      </p>
      <div className="mt-1 h-1 overflow-hidden rounded-full bg-sunken">
        <div className="h-full bg-accent transition-[width] duration-500" style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  );
}

export function Dialled({ label, number }: { label: string; number: string }) {
  return (
    <>
      {label && <>{label} </>}
      <span className="text-muted">
        <PhoneNumber number={number} />
      </span>
    </>
  );
}
