import { useMutation } from "@tanstack/react-query";
import { Ellipsis } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay, useMe, useNames } from "@/api/queries";
import type { LiveAgent, LiveCall } from "@/api/figures";
import { useProblemText } from "@/api/words";
import { Badge, Button, Dialog, Elapsed, Menu, MenuItem, toast } from "@/components/ui";
import { stateTone, useStateLabel } from "@/desk/words";
import { assign } from "./assign";

export const waits = (call: LiveCall) => call.stage === "queue" || call.stage === "ringing";

/** Gives a waiting caller to an agent, or (null) to oneself. */
export function useAssign() {
  const words = useProblemText();
  return useMutation({
    mutationFn: ({ call, agent }: { call: string; agent: string | null }) => assign(call, agent),
    onError: (error) => toast("bad", words(error)),
  });
}

/** What a supervisor can do to a caller who waits, from the row. */
export function CallActions({ call, name, agents }: { call: LiveCall; name: string; agents: LiveAgent[] }) {
  const { t } = useTranslation();
  const takes = useMay()("desk");
  const [open, setOpen] = useState(false);
  const { mutate } = useAssign();
  const trigger = (
    <Button look="quiet" size="sm" icon aria-label={t("supervise.actions", { name })} data-testid="call-actions">
      <Ellipsis aria-hidden className="size-4" />
    </Button>
  );
  return (
    <>
      <Menu trigger={trigger}>
        {takes && (
          <MenuItem onSelect={() => mutate({ call: call.call, agent: null })}>
            <span data-testid="assign-take">{t("assign.take")}</span>
          </MenuItem>
        )}
        <MenuItem onSelect={() => setOpen(true)}>
          <span data-testid="assign-give">{t("assign.give")}</span>
        </MenuItem>
      </Menu>
      <Dialog open={open} onClose={() => setOpen(false)} title={t("assign.giveTitle", { name })}>
        <Choice
          agents={agents}
          onChosen={(agent) => {
            mutate({ call: call.call, agent });
            setOpen(false);
          }}
        />
      </Dialog>
    </>
  );
}

function Choice({ agents, onChosen }: { agents: LiveAgent[]; onChosen: (agent: string) => void }) {
  const { t } = useTranslation();
  const names = useNames();
  const me = useMe();
  const label = useStateLabel();
  const others = agents.filter((one) => one.state !== "offline" && one.agent !== me.agent);
  if (others.length === 0) return <p className="py-4 text-center text-sm text-muted">{t("live.noAgents")}</p>;
  return (
    <ul className="max-h-[50dvh] divide-y divide-line overflow-y-auto">
      {others
        .toSorted((a, b) => Number(b.state === "available") - Number(a.state === "available"))
        .map((one) => (
          <li key={one.agent} className="flex flex-wrap items-center gap-2 py-2" data-testid="assign-agent">
            <span className="min-w-32 grow font-medium">{names.agent(one.agent)}</span>
            <Badge tone={stateTone(one.state)} dot>
              {label(one)} <Elapsed since={one.since_ms} />
            </Badge>
            <Button
              size="sm"
              look="primary"
              disabled={one.state !== "available"}
              onClick={() => onChosen(one.agent)}
              aria-label={t("assign.giveTo", { name: names.agent(one.agent) })}
              data-testid="assign-choose"
            >
              {t("assign.choose")}
            </Button>
          </li>
        ))}
    </ul>
  );
}
