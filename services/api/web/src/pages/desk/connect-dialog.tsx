import { useQuery } from "@tanstack/react-query";
import { Phone, PhoneForwarded, UserPlus, Users } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { useMe } from "@/api/queries";
import type { Directory } from "@/api/types";
import { Badge, Button, Dialog, Elapsed, Field, Input, Loaded, Tabs } from "@/components/ui";
import { desk } from "@/desk/desk";
import type { Target } from "@/desk/messages";
import { stateTone, useStateLabel } from "@/desk/words";

/** Without a leg: to call somebody. */
type Props = { leg?: string; open: boolean; onClose: () => void };

/** Whom to hand the caller to, to ask, or to add: colleagues, queues, numbers. */
export function ConnectDialog({ leg, open, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Dialog open={open} onClose={onClose} title={t(leg ? "connect.title" : "connect.call")} wide>
      {open && <Choice leg={leg} onDone={onClose} />}
    </Dialog>
  );
}

type Way = "transfer" | "consult" | "invite" | "call";
type Act = (way: Way, to: Target) => void;

const WAYS = {
  call: [Phone, "call"],
  transfer: [PhoneForwarded, "transfer"],
  consult: [Users, "consult"],
  invite: [UserPlus, "add"],
} as const;

function Choice({ leg, onDone }: { leg?: string; onDone: () => void }) {
  const { t } = useTranslation();
  const [search, setSearch] = useState("");
  const directory = useQuery({
    queryKey: ["directory"],
    queryFn: () => get<Directory>("/directory"),
    refetchInterval: 3_000,
  });
  const ways: Way[] = leg ? ["transfer", "consult", "invite"] : ["call"];
  const act: Act = (way, to) => {
    if (way === "call") desk.call(to);
    else if (leg) desk.connect(way, leg, to);
    onDone();
  };
  const fits = (one: { name: string }) => one.name.toLowerCase().includes(search.trim().toLowerCase());
  return (
    <div className="flex flex-col gap-3">
      <Field label={t("common.search")}>
        <Input value={search} onChange={(event) => setSearch(event.target.value)} data-testid="connect-search" />
      </Field>
      <Loaded query={directory}>
        {({ agents, queues }) => (
          <Tabs
            label={t("connect.title")}
            tabs={[
              { id: "agents", label: t("connect.agents"), panel: <Agents all={agents.filter(fits)} act={act} ways={ways} /> },
              ...(leg
                ? [{ id: "queues", label: t("connect.queues"), panel: <Queues all={queues.filter(fits)} act={act} /> }]
                : []),
              { id: "number", label: t("connect.number"), panel: <Dial act={act} ways={ways} /> },
            ]}
          />
        )}
      </Loaded>
    </div>
  );
}

function Agents({ all, act, ways }: { all: Directory["agents"]; act: Act; ways: Way[] }) {
  const { t } = useTranslation();
  const me = useMe();
  const label = useStateLabel();
  const others = all.filter((one) => one.id !== me.agent);
  if (others.length === 0) return <p className="py-4 text-center text-sm text-muted">{t("connect.nobody")}</p>;
  return (
    <ul className="max-h-[50dvh] divide-y divide-line overflow-y-auto">
      {others.map((one) => (
        <li key={one.id} className="flex flex-wrap items-center gap-2 py-2" data-testid="connect-agent">
          <span className="min-w-32 grow font-medium">{one.name}</span>
          <Badge tone={stateTone(one.state)} dot>
            {label(one)} {one.since_ms !== null && <Elapsed since={one.since_ms} />}
          </Badge>
          <Ways to={{ agent: one.id }} ways={ways} act={act} disabled={one.state === "offline"} />
        </li>
      ))}
    </ul>
  );
}

function Queues({ all, act }: { all: Directory["queues"]; act: Act }) {
  const { t } = useTranslation();
  return (
    <ul className="max-h-[50dvh] divide-y divide-line overflow-y-auto">
      {all.map((one) => (
        <li key={one.id} className="flex flex-wrap items-center gap-2 py-2" data-testid="connect-queue">
          <span className="min-w-32 grow font-medium">{one.name}</span>
          <span className="text-sm text-muted">
            {t("connect.waiting", { count: one.waiting })}
            {one.longest_waiting_since_ms !== null && (
              <>
                {" · "}
                <Elapsed since={one.longest_waiting_since_ms} />
              </>
            )}
          </span>
          <Button size="sm" onClick={() => act("transfer", { queue: one.id })} data-testid="way-transfer">
            <PhoneForwarded aria-hidden className="size-3.5" />
            {t("connect.transfer")}
          </Button>
        </li>
      ))}
    </ul>
  );
}

function Dial({ act, ways }: { act: Act; ways: Way[] }) {
  const { t } = useTranslation();
  const [number, setNumber] = useState("");
  const dialled = number.replaceAll(/[^\d+*#]/g, "");
  return (
    <div className="flex flex-col gap-3">
      <Field label={t("connect.number")} hint={t("connect.numberHint")}>
        <Input
          value={number}
          inputMode="tel"
          onChange={(event) => setNumber(event.target.value)}
          data-testid="connect-number"
        />
      </Field>
      <div className="flex flex-wrap gap-2">
        <Ways to={{ number: dialled }} ways={ways} act={act} disabled={dialled.length < 3} />
      </div>
    </div>
  );
}

type WaysProps = { to: Target; ways: Way[]; act: Act; disabled?: boolean };

function Ways({ to, ways, act, disabled }: WaysProps) {
  const { t } = useTranslation();
  return ways.map((way) => {
    const [Icon, label] = WAYS[way];
    return (
      <Button
        key={way}
        size="sm"
        look={way === "consult" || way === "call" ? "primary" : "plain"}
        disabled={disabled}
        onClick={() => act(way, to)}
        data-testid={`way-${way}`}
      >
        <Icon aria-hidden className="size-3.5" />
        {t(`connect.${label}`)}
      </Button>
    );
  });
}
