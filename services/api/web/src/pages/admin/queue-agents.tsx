import { useQuery } from "@tanstack/react-query";
import { ArrowUp, Plus, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { documents } from "@/api/queries";
import type { Agent, QueueSeat, Relaxed } from "@/api/types";
import { Button, Field, Input, Select } from "@/components/ui";

type Props<T> = { value: T[]; onChange: (value: T[]) => void; error?: string };

const number = (typed: string) => Math.max(0, Math.round(Number(typed) || 0));

function Fault({ text }: { text?: string }) {
  if (!text) return null;
  return (
    <p role="alert" className="text-xs font-medium text-bad">
      {text}
    </p>
  );
}

type AmountProps = {
  label: string;
  hint: string;
  min: number;
  value: number;
  onChange: (value: number) => void;
  testId: string;
};

/** A small number with its word before it. */
function Amount({ label, hint, min, value, onChange, testId }: AmountProps) {
  return (
    <span className="flex items-center gap-2 text-xs text-muted">
      {label}
      <Input
        type="number"
        min={min}
        max={255}
        value={value}
        aria-label={hint}
        onChange={(event) => onChange(number(event.target.value))}
        className="!w-16"
        data-testid={testId}
      />
    </span>
  );
}

/** Agents with a penalty, a share or a place of their own, in the queue's order. */
export function QueueSeats({ value, onChange, error }: Props<QueueSeat>) {
  const { t } = useTranslation();
  const agents = useQuery(documents<Agent>("agents"));
  const all = agents.data ?? [];
  const left = all.filter((agent) => !value.some((seat) => seat.agent === agent.id));
  const name = (seat: QueueSeat) => all.find((agent) => agent.id === seat.agent)?.name ?? "…";
  const set = (seat: QueueSeat, change: Partial<QueueSeat>) =>
    onChange(value.map((one) => (one === seat ? { ...one, ...change } : one)));
  const earlier = (at: number) => {
    const [before, seat] = [value[at - 1], value[at]];
    if (before && seat) onChange(value.with(at - 1, seat).with(at, before));
  };
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 text-sm font-medium">{t("queues.agents")}</legend>
      <p className="text-xs text-muted">{t("queues.penaltyHint")}</p>
      {value.map((seat, at) => (
        <div key={seat.agent} className="flex flex-wrap items-center gap-2 text-sm" data-testid="queue-seat">
          <span className="min-w-24 grow truncate">{name(seat)}</span>
          <Amount
            label={t("queues.penalty")}
            hint={t("queues.penaltyOf", { name: name(seat) })}
            min={0}
            value={seat.penalty}
            onChange={(penalty) => set(seat, { penalty })}
            testId="seat-penalty"
          />
          <Amount
            label={t("queues.weight")}
            hint={t("queues.weightOf", { name: name(seat) })}
            min={1}
            value={seat.weight}
            onChange={(weight) => set(seat, { weight })}
            testId="seat-weight"
          />
          <Button
            look="quiet"
            size="sm"
            icon
            disabled={at === 0}
            aria-label={t("queues.earlier", { name: name(seat) })}
            onClick={() => earlier(at)}
          >
            <ArrowUp aria-hidden className="size-4" />
          </Button>
          <Button
            look="quiet"
            size="sm"
            icon
            aria-label={`${t("common.remove")}: ${name(seat)}`}
            onClick={() => onChange(value.filter((one) => one !== seat))}
          >
            <X aria-hidden className="size-4" />
          </Button>
        </div>
      ))}
      {left.length > 0 && (
        <Select
          aria-label={t("queues.addAgent")}
          value=""
          onChange={(event) => onChange([...value, { agent: event.target.value, penalty: 0, weight: 1 }])}
          data-testid="queue-add-agent"
        >
          <option value="" disabled>
            {t("queues.addAgent")}
          </option>
          {left.map((agent) => (
            <option key={agent.id} value={agent.id}>
              {agent.name}
            </option>
          ))}
        </Select>
      )}
      <Fault text={error} />
    </fieldset>
  );
}

/** Who else is asked after a wait; each step asks more. */
export function Relaxing({ value, onChange, error }: Props<Relaxed>) {
  const { t } = useTranslation();
  const set = (at: number, change: Partial<Relaxed>) =>
    onChange(value.map((step, index) => (index === at ? { ...step, ...change } : step)));
  const add = () => {
    const last = value.at(-1) ?? { after_ms: 0, levels_down: 0, penalty_max: null };
    onChange([...value, { ...last, after_ms: last.after_ms + 30_000, levels_down: last.levels_down + 1 }]);
  };
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 text-sm font-medium">{t("queues.relax")}</legend>
      {value.map((step, at) => (
        <div key={at} className="grid grid-cols-[1fr_1fr_1fr_auto] items-end gap-2" data-testid="queue-relax">
          <Field label={t("queues.relaxAfter")}>
            <Input
              type="number"
              min={1}
              value={step.after_ms / 1000}
              onChange={(event) => set(at, { after_ms: number(event.target.value) * 1000 })}
              data-testid="relax-after"
            />
          </Field>
          <Field label={t("queues.levelsDown")}>
            <Input
              type="number"
              min={0}
              max={255}
              value={step.levels_down}
              onChange={(event) => set(at, { levels_down: number(event.target.value) })}
            />
          </Field>
          <Field label={t("queues.upTo")}>
            <Input
              type="number"
              min={0}
              max={255}
              value={step.penalty_max ?? ""}
              placeholder="∞"
              onChange={(event) =>
                set(at, { penalty_max: event.target.value === "" ? null : number(event.target.value) })
              }
            />
          </Field>
          <Button
            look="quiet"
            size="sm"
            icon
            aria-label={t("queues.removeStep", { seconds: step.after_ms / 1000 })}
            onClick={() => onChange(value.filter((_, index) => index !== at))}
          >
            <X aria-hidden className="size-4" />
          </Button>
        </div>
      ))}
      {value.length < 8 && (
        <Button size="sm" className="self-start" onClick={add} data-testid="queue-add-relax">
          <Plus aria-hidden className="size-3.5" />
          {t("queues.addRelax")}
        </Button>
      )}
      <Fault text={error} />
    </fieldset>
  );
}
