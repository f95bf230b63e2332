import clsx from "clsx";
import { Grip, Mic, MicOff, Pause, PhoneForwarded, PhoneOff, Play } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Badge, Button, Elapsed, Notice, PhoneNumber } from "@/components/ui";
import { desk, useDesk } from "@/desk/desk";
import { type Offer, SUPERVISIONS } from "@/desk/messages";
import { isTyping } from "@/desk/shortcuts";
import type { Leg } from "@/desk/view";
import { callerName } from "./caller";
import { ConnectDialog } from "./connect-dialog";
import { NoteField } from "./note";
import { Parties } from "./parties";
import { Script } from "./script";

const KEYPAD = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

/** The conversation: hold and mute are the server's truth, shown at once. */
export function CallCard({ leg, caller }: { leg: Leg; caller?: Offer }) {
  const { t } = useTranslation();
  const { connections, listened } = useDesk();
  const [keypad, setKeypad] = useKey("k");
  const [connecting, setConnecting] = useKey("t");
  const muted = leg.mutedWanted ?? leg.muted;
  const held = leg.heldWanted ?? leg.held;
  const failed = connections[leg.leg] === "failed" || connections[leg.leg] === "disconnected";
  const Mute = muted ? MicOff : Mic;
  const Hold = held ? Play : Pause;
  return (
    <section
      aria-label={t("desk.call")}
      data-testid="call-card"
      className="rounded-lg border-2 border-info bg-surface p-4"
    >
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <p className="flex flex-wrap items-center gap-2 text-sm text-muted">
            {leg.talkingSince === null ? t("desk.connecting") : t("desk.talking")}
            {held && (
              <Badge tone="warn" data-testid="held">
                {t("desk.held")}
              </Badge>
            )}
            {muted && (
              <Badge tone="warn" data-testid="muted">
                {t("desk.muted")}
              </Badge>
            )}
            {failed && <Badge tone="bad">{t("desk.soundLost")}</Badge>}
          </p>
          <p className="truncate text-2xl font-semibold tracking-tight">
            <Who leg={leg} caller={caller} />
          </p>
        </div>
        {leg.talkingSince !== null && (
          <p className="text-2xl font-semibold">
            <Elapsed since={leg.talkingSince} testId="call-timer" />
          </p>
        )}
      </div>
      <div className="mt-4 flex flex-wrap gap-2">
        <Control pressed={muted} shortcut="m" testId="call-mute" onClick={() => desk.mute(leg.leg, !muted)}>
          <Mute aria-hidden className="size-4" />
          {t(muted ? "desk.unmute" : "desk.mute")}
        </Control>
        <Control pressed={held} shortcut="h" testId="call-hold" onClick={() => desk.hold(leg.leg, !held)}>
          <Hold aria-hidden className="size-4" />
          {t(held ? "desk.resume" : "desk.hold")}
        </Control>
        <Control pressed={connecting} shortcut="t" testId="call-connect" onClick={() => setConnecting(true)}>
          <PhoneForwarded aria-hidden className="size-4" />
          {t("connect.open")}
        </Control>
        <Control pressed={keypad} shortcut="k" testId="call-keypad" onClick={() => setKeypad(!keypad)}>
          <Grip aria-hidden className="size-4" />
          {t("desk.keypad")}
        </Control>
        <Button
          look="danger"
          className="ml-auto"
          onClick={() => desk.hangUp(leg.leg)}
          data-testid="call-end"
          aria-keyshortcuts="e"
        >
          <PhoneOff aria-hidden className="size-4" />
          {t("desk.end")}
        </Button>
      </div>
      {keypad && (
        <div className="mt-3 grid w-44 grid-cols-3 gap-1.5">
          {KEYPAD.map((key) => (
            <Button key={key} onClick={() => desk.key(leg.leg, key)} aria-label={t("desk.key", { key })}>
              {key}
            </Button>
          ))}
        </div>
      )}
      {leg.unheard.map((party) => (
        <div key={`${party.kind}/${party.name}`} className="mt-3">
          <Notice tone="bad" testId="unheard">
            {party.kind === "self" ? t("unheard.self") : t("unheard.other", { name: party.name })}
          </Notice>
        </div>
      ))}
      {listened?.call === leg.call && leg.purpose !== "supervise" && (
        <div className="mt-3">
          <Notice testId="listening-notice">{t("supervise.listened", { by: listened.by })}</Notice>
        </div>
      )}
      {caller && <Script offer={caller} />}
      {leg.purpose === "supervise" && <Supervising leg={leg} />}
      <Parties leg={leg.leg} seats={leg.seats} />
      <div className="mt-4">
        <NoteField call={leg.call} />
      </div>
      <ConnectDialog leg={leg.leg} open={connecting} onClose={() => setConnecting(false)} />
    </section>
  );
}

/** How one is in somebody else's call: a switch on the same leg. */
function Supervising({ leg }: { leg: Leg }) {
  const { t } = useTranslation();
  return (
    <div role="group" aria-label={t("supervise.how")} className="mt-4 flex flex-wrap gap-2">
      {SUPERVISIONS.map((how) => (
        <Button
          key={how}
          size="sm"
          aria-pressed={leg.supervision === how}
          look={leg.supervision === how ? "primary" : "plain"}
          onClick={() => desk.superviseCall(leg.call, how)}
          data-testid={`supervision-${how}`}
        >
          {t(`supervise.${how}`)}
        </Button>
      ))}
    </div>
  );
}

/** Opened and closed by its button and by its key. */
function useKey(key: string): [boolean, (on: boolean) => void] {
  const [on, setOn] = useState(false);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key !== key || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      setOn((before) => !before);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [key]);
  return [on, setOn];
}

function Who({ leg, caller }: { leg: Leg; caller?: Offer }) {
  const { t } = useTranslation();
  if (caller) return callerName(caller) ?? <PhoneNumber number={caller.caller.number} />;
  if (leg.name) return leg.name;
  return leg.number ? <PhoneNumber number={leg.number} /> : t("desk.call");
}

type ControlProps = {
  pressed: boolean;
  shortcut?: string;
  testId: string;
  onClick: () => void;
  children: React.ReactNode;
};

function Control({ pressed, shortcut, testId, onClick, children }: ControlProps) {
  return (
    <Button
      aria-pressed={pressed}
      aria-keyshortcuts={shortcut}
      onClick={onClick}
      data-testid={testId}
      className={clsx(pressed && "!border-warn !bg-warn-soft !text-warn")}
    >
      {children}
    </Button>
  );
}
