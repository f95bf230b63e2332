import { ArrowLeftRight, PhoneForwarded, PhoneOff, Users, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Badge, Button, type Tone } from "@/components/ui";
import { desk } from "@/desk/desk";
import type { Seat } from "@/desk/messages";
import { consulting } from "@/desk/view";

const TONES: Record<Seat["state"], Tone> = { ringing: "accent", here: "ok", held: "warn", whispers: "note" };

/** Who else is in the call, and during a consultation what comes of it. */
export function Parties({ leg, seats }: { leg: string; seats: Seat[] }) {
  const { t } = useTranslation();
  if (seats.length === 0) return null;
  const consult = consulting(seats);
  const answered = seats.every((seat) => seat.state !== "ringing");
  return (
    <section aria-label={t("parties.title")} data-testid="parties" className="mt-4 rounded-md bg-sunken p-3">
      <ul className="flex flex-col gap-1.5">
        {seats.map((seat) => (
          <li key={seat.leg} className="flex flex-wrap items-center gap-2 text-sm" data-testid="party">
            <span className="min-w-0 grow font-medium">{seat.name || t("desk.caller")}</span>
            <Badge tone={TONES[seat.state]} dot data-state={seat.state}>
              {t(`parties.${seat.state}`)}
            </Badge>
            {!consult && seat.kind !== "caller" && (
              <Button
                size="sm"
                look="quiet"
                icon
                aria-label={t("parties.remove", { name: seat.name })}
                onClick={() => desk.remove(leg, seat.leg)}
                data-testid="party-remove"
              >
                <X aria-hidden className="size-4" />
              </Button>
            )}
          </li>
        ))}
      </ul>
      {consult && (
        <div className="mt-3 flex flex-wrap gap-2">
          <Button size="sm" disabled={!answered} onClick={() => desk.say("swap", leg)} data-testid="consult-swap">
            <ArrowLeftRight aria-hidden className="size-3.5" />
            {t("parties.swap")}
          </Button>
          <Button
            size="sm"
            look="primary"
            disabled={!answered}
            onClick={() => desk.say("complete", leg)}
            data-testid="consult-complete"
          >
            <PhoneForwarded aria-hidden className="size-3.5" />
            {t("parties.complete")}
          </Button>
          <Button
            size="sm"
            disabled={!answered}
            onClick={() => desk.say("conference", leg)}
            data-testid="consult-conference"
          >
            <Users aria-hidden className="size-3.5" />
            {t("parties.conference")}
          </Button>
          <Button size="sm" onClick={() => desk.say("cancel", leg)} data-testid="consult-cancel">
            <PhoneOff aria-hidden className="size-3.5" />
            {t("parties.cancel")}
          </Button>
        </div>
      )}
    </section>
  );
}
