import { ChevronDown, Circle, CircleDot, Coffee, Hand, Headphones, Power } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Badge, Button, Elapsed, Menu, MenuItem } from "@/components/ui";
import { desk, useDesk } from "@/desk/desk";
import { REASONS, stateTone, useStateLabel } from "@/desk/words";
import { useNames } from "@/api/queries";
import { timeOfDay } from "@/format/format";
import { DevicesDialog } from "./devices-dialog";

/** One's state, for how long, and the ways out of it. */
export function StateBar() {
  const { t, i18n } = useTranslation();
  const names = useNames();
  const { state, link, hand } = useDesk();
  const label = useStateLabel();
  const [busy, setBusy] = useState(false);
  const [devices, setDevices] = useState(false);
  const away = link !== "open";
  const available = async () => {
    setBusy(true);
    await desk.available();
    setBusy(false);
  };
  const is = (name: string) => state?.state === name;
  return (
    <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-3 rounded-lg border border-line bg-surface px-4 py-3">
      <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1" aria-live="polite">
        <Badge
          tone={stateTone(state?.state ?? "offline")}
          dot
          className="!h-8 !px-3.5 !text-base"
          data-testid="state-label"
          data-state={state?.state ?? "unknown"}
        >
          {state ? label(state) : t("desk.link.connecting")}
        </Badge>
        {state && (
          <span className="text-lg font-medium" aria-hidden>
            <Elapsed since={state.since_ms} testId="state-timer" />
          </span>
        )}
        {state?.lent_to && state.lent_until_ms && (
          <Badge tone="info" data-testid="state-lent">
            {t("loan.until", {
              queue: names.queue(state.lent_to),
              time: timeOfDay(state.lent_until_ms, i18n.language),
            })}
          </Badge>
        )}
        {state?.deferred && (
          <span className="text-sm text-warn" data-testid="state-deferred">
            {t("desk.afterThisCall", { state: label({ state: state.deferred, reason: null }) })}
          </span>
        )}
      </div>
      <div className="flex flex-wrap gap-2">
        <Button
          look={["offline", "aux", "missed"].some(is) ? "primary" : "plain"}
          busy={busy}
          disabled={away || is("available")}
          onClick={available}
          data-testid="desk-available"
        >
          <CircleDot aria-hidden className="size-4" />
          {t("state.available")}
        </Button>
        <Menu
          trigger={
            <Button disabled={away} data-testid="desk-break">
              <Coffee aria-hidden className="size-4" />
              {t("state.aux")}
              <ChevronDown aria-hidden className="size-3.5" />
            </Button>
          }
        >
          {REASONS.map((reason) => (
            <MenuItem key={reason} onSelect={() => desk.takeBreak(reason)}>
              <Circle aria-hidden className="size-2.5" />
              <span data-testid={`reason-${reason}`}>{t(`reason.${reason}`)}</span>
            </MenuItem>
          ))}
        </Menu>
        <Button
          disabled={away}
          aria-pressed={hand}
          onClick={() => desk.raiseHand(!hand)}
          className={hand ? "!border-bad !bg-bad-soft !text-bad" : undefined}
          data-testid="desk-hand"
        >
          <Hand aria-hidden className="size-4" />
          {t(hand ? "supervise.lower" : "supervise.raise")}
        </Button>
        <Button
          icon
          aria-label={t("devices.title")}
          title={t("devices.title")}
          onClick={() => setDevices(true)}
          data-testid="desk-devices"
        >
          <Headphones aria-hidden className="size-4" />
        </Button>
        <DevicesDialog open={devices} onClose={() => setDevices(false)} />
        <Button disabled={away || is("offline")} onClick={() => desk.offline()} data-testid="desk-offline">
          <Power aria-hidden className="size-4" />
          {t("state.offline")}
        </Button>
      </div>
    </div>
  );
}
