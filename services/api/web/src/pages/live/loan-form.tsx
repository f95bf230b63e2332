import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { all, request } from "@/api/client";
import { documents } from "@/api/queries";
import type { Lender } from "@/api/figures";
import type { Queue } from "@/api/types";
import { useProblemText } from "@/api/words";
import { Badge, Button, Field, Loaded, Select, toast } from "@/components/ui";
import { stateTone, useStateLabel } from "@/desk/words";
import { useNow } from "@/format/clock";
import { percent, timeOfDay } from "@/format/format";

const MINUTES = [15, 30, 60, 120, 240, 480] as const;
const MINUTE_MS = 60_000;

/** Without a queue it is asked which; an agent may be chosen already. */
type Props = { queue?: string; agent?: string; onDone: () => void };

/** Who helps a queue, and until when; how busy their departments are is seen before. */
export function LoanForm({ queue, agent, onDone }: Props) {
  const { t, i18n } = useTranslation();
  const words = useProblemText();
  const now = useNow();
  const queues = useQuery({ ...documents<Queue>("queues"), enabled: !queue });
  const [chosen, setChosen] = useState(queue ?? "");
  const [agents, setAgents] = useState<string[]>(agent ? [agent] : []);
  const [minutes, setMinutes] = useState<number>(60);
  const until = now + minutes * MINUTE_MS;
  const lend = useMutation({
    mutationFn: () => request<unknown>("POST", "/loans", { body: { agents, queue: chosen, until_ms: Math.round(until) } }),
    onSuccess: () => {
      toast("ok", t("common.saved"));
      onDone();
    },
    onError: (error) => toast("bad", words(error)),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    lend.mutate();
  };
  const toggle = (id: string) =>
    setAgents((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id]));
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {!queue && (
        <Field label={t("fact.queue")}>
          <Select value={chosen} onChange={(event) => setChosen(event.target.value)} data-testid="loan-queue">
            <option value="">{t("loan.choose")}</option>
            {queues.data?.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </Select>
        </Field>
      )}
      {chosen && <Lenders queue={chosen} only={agent} agents={agents} toggle={toggle} />}
      <Field label={t("loan.for")}>
        <Select value={minutes} onChange={(event) => setMinutes(Number(event.target.value))} data-testid="loan-minutes">
          {MINUTES.map((one) => (
            <option key={one} value={one}>
              {t("loan.minutes", { count: one })}
            </option>
          ))}
        </Select>
      </Field>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <span className="text-sm text-muted">{t("loan.returns", { time: timeOfDay(until, i18n.language) })}</span>
        <Button
          type="submit"
          look="primary"
          busy={lend.isPending}
          disabled={!chosen || agents.length === 0}
          data-testid="loan-confirm"
        >
          {t("loan.confirm", { count: agents.length })}
        </Button>
      </div>
    </form>
  );
}

type LendersProps = { queue: string; only?: string; agents: string[]; toggle: (agent: string) => void };

function Lenders({ queue, only, agents, toggle }: LendersProps) {
  const { t, i18n } = useTranslation();
  const label = useStateLabel();
  const lenders = useQuery({
    queryKey: ["lenders", queue],
    queryFn: ({ signal }) => all<Lender>(`/queues/${queue}/lenders`, signal),
    refetchInterval: 3_000,
  });
  return (
    <Loaded query={lenders}>
      {(groups) => (
        <div className="flex max-h-[50dvh] flex-col gap-3 overflow-y-auto" tabIndex={-1}>
          {groups
            .filter((group) => !only || group.agents.some((one) => one.agent === only))
            .map((group) => (
              <fieldset key={group.department ?? ""} className="rounded-md border border-line p-3" data-testid="lender">
                <legend className="px-1 text-sm font-semibold">{group.name ?? t("loan.noDepartment")}</legend>
                <p className="mb-2 flex flex-wrap gap-x-3 text-sm text-muted">
                  <span data-testid="lender-occupancy">
                    {t("loan.occupancy", { share: percent(group.occupancy, i18n.language) })}
                  </span>
                  <span>{t("loan.free", { free: group.free, all: group.signed_in })}</span>
                </p>
                <ul className="flex flex-col gap-1">
                  {group.agents.map((one) => (
                    <li key={one.agent}>
                      <label className="flex flex-wrap items-center gap-2 py-0.5 text-sm">
                        <input
                          type="checkbox"
                          className="size-4 accent-accent"
                          checked={agents.includes(one.agent)}
                          disabled={one.lent_to !== null}
                          onChange={() => toggle(one.agent)}
                          data-testid="loan-agent"
                        />
                        <span className="min-w-24 grow">{one.name}</span>
                        {one.suits && <Badge>{t("loan.suits")}</Badge>}
                        {one.lent_to !== null && <Badge tone="info">{t("loan.is")}</Badge>}
                        <Badge tone={stateTone(one.state)} dot>
                          {label({ state: one.state, reason: null })}
                        </Badge>
                      </label>
                    </li>
                  ))}
                </ul>
              </fieldset>
            ))}
        </div>
      )}
    </Loaded>
  );
}
