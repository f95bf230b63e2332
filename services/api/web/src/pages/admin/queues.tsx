import { Controller } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { required, z } from "@/api/schema";
import { LEVELS, type Queue, STRATEGIES, WRAP_UPS } from "@/api/types";
import { Badge, Checkbox, type Column, Field, Input, Select, TextArea } from "@/components/ui";
import { DocumentForm, Documents, useDocumentForm } from "./documents";
import { QueueSeats, Relaxing } from "./queue-agents";
import { SkillBadges, SkillLevels } from "./skill-levels";

const seconds = (ms: number) => ms / 1000;

export function QueuesPage() {
  const { t } = useTranslation();
  const columns: Column<Queue>[] = [
    {
      head: t("common.name"),
      cell: (queue) => (
        <span className="flex flex-wrap items-center gap-2 font-medium">
          {queue.name}
          {queue.emergency && <Badge tone="bad">{t("queues.emergencyOn")}</Badge>}
          {queue.manual && <Badge tone="warn">{t("queues.manualOn")}</Badge>}
        </span>
      ),
    },
    { head: t("queues.strategy"), cell: (queue) => t(`strategy.${queue.strategy}`) },
    {
      head: t("queues.skills"),
      cell: (queue) =>
        queue.skills.length > 0 ? <SkillBadges skills={queue.skills} /> : t("queues.anybody"),
    },
    { head: t("queues.ring"), figure: true, cell: (queue) => seconds(queue.ring_timeout_ms) },
    { head: t("queues.wrapUp"), figure: true, cell: (queue) => seconds(queue.wrap_up_ms) },
    { head: t("queues.serviceLevel"), figure: true, cell: (queue) => seconds(queue.service_level_ms) },
    { head: t("queues.shortAbandon"), figure: true, cell: (queue) => seconds(queue.short_abandon_ms) },
  ];
  return (
    <Documents
      of="queues"
      testId="queue"
      add={t("queues.new")}
      columns={columns}
      name={(queue) => queue.name}
      form={(queue, done) => <QueueForm queue={queue} onDone={done} />}
    />
  );
}

const count = z.number({ error: "number" }).nonnegative("number");
const schema = z.object({
  name: required,
  skills: z.array(z.object({ name: z.string(), level: z.number() })),
  ring_timeout_ms: count,
  wrap_up_ms: count,
  service_level_ms: count,
  short_abandon_ms: count,
  waiting_max: count,
  strategy: z.enum(STRATEGIES),
  levels: z.enum(LEVELS),
  wrap_up: z.enum(WRAP_UPS),
  weight: count,
  starvation_guard_ms: count,
  pause_after_missed: count,
  wait_max_ms: count,
  emergency: z.boolean(),
  manual: z.boolean(),
  script: z.string(),
  agents: z.array(z.object({ agent: z.string(), penalty: count, weight: count })),
  only_listed: z.boolean(),
  penalty_max: count.nullable(),
  relax: z.array(z.object({ after_ms: count, levels_down: count, penalty_max: count.nullable() })),
  no_agents_after_ms: count.nullable(),
  callback_key: z.string().regex(/^[\d*#]?$/).nullable(),
  callback_attempts: count,
  callback_every_ms: count,
});
/** An empty field is none. */
const optional = { setValueAs: (typed: unknown) => (typed === "" || typed === null ? null : Number(typed)) };

const TIMES = [
  ["ring_timeout_ms", "ring", 15],
  ["wrap_up_ms", "wrapUp", 30],
  ["service_level_ms", "serviceLevel", 20],
  ["short_abandon_ms", "shortAbandon", 5],
] as const;
/** 0: never. */
const RARE_TIMES = [
  ["starvation_guard_ms", "starvationGuard"],
  ["wait_max_ms", "waitMax"],
] as const;
const CALLBACK = { attempts: 3, everySeconds: 600 };
const COUNTS = [
  ["waiting_max", "waitingMax", 1],
  ["weight", "weight", 0],
  ["pause_after_missed", "pauseAfterMissed", 0],
] as const;

/** Times are typed in seconds and kept in milliseconds. */
function QueueForm({ queue, onDone }: { queue: Queue | null; onDone: () => void }) {
  const { t } = useTranslation();
  const initial = (name: (typeof TIMES)[number][0], otherwise: number) =>
    queue ? seconds(queue[name]) : otherwise;
  const editing = useDocumentForm<Queue, z.infer<typeof schema>>({
    of: "queues",
    document: queue,
    schema,
    defaults: {
      name: queue?.name ?? "",
      skills: queue?.skills ?? [],
      ring_timeout_ms: initial("ring_timeout_ms", 15),
      wrap_up_ms: initial("wrap_up_ms", 30),
      service_level_ms: initial("service_level_ms", 20),
      short_abandon_ms: initial("short_abandon_ms", 5),
      waiting_max: queue?.waiting_max ?? 1000,
      strategy: queue?.strategy ?? "longest_idle",
      levels: queue?.levels ?? "enough",
      wrap_up: queue?.wrap_up ?? "timed",
      weight: queue?.weight ?? 0,
      starvation_guard_ms: seconds(queue?.starvation_guard_ms ?? 0),
      pause_after_missed: queue?.pause_after_missed ?? 1,
      wait_max_ms: seconds(queue?.wait_max_ms ?? 0),
      emergency: queue?.emergency ?? false,
      manual: queue?.manual ?? false,
      script: queue?.script ?? "",
      agents: queue?.agents ?? [],
      only_listed: queue?.only_listed ?? false,
      penalty_max: queue?.penalty_max ?? null,
      relax: queue?.relax ?? [],
      no_agents_after_ms: queue?.no_agents_after_ms == null ? null : seconds(queue.no_agents_after_ms),
      callback_key: queue?.callback_key ?? "",
      callback_attempts: queue?.callback_attempts ?? CALLBACK.attempts,
      callback_every_ms: queue ? seconds(queue.callback_every_ms) : CALLBACK.everySeconds,
    },
    body: (values) => {
      const body = { ...values };
      for (const [name] of [...TIMES, ...RARE_TIMES]) body[name] = Math.round(values[name] * 1000);
      const { no_agents_after_ms: after } = values;
      body.no_agents_after_ms = after === null ? null : Math.round(after * 1000);
      body.callback_key = values.callback_key || null;
      body.callback_every_ms = Math.round(values.callback_every_ms * 1000);
      return body;
    },
    onDone,
  });
  const { form, register, errorOf } = editing;
  return (
    <DocumentForm form={editing} onCancel={onDone}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="queue-name" />
      </Field>
      <Controller
        control={form.control}
        name="skills"
        render={({ field }) => (
          <SkillLevels
            label={t("queues.skills")}
            value={field.value}
            onChange={field.onChange}
            error={errorOf("skills")}
          />
        )}
      />
      <div className="grid grid-cols-2 gap-3">
        {TIMES.map(([name, label]) => (
          <Field key={name} label={t(`queues.${label}`)} error={errorOf(name)}>
            <Input type="number" step="any" min={0} {...register(name, { valueAsNumber: true })} />
          </Field>
        ))}
        {COUNTS.map(([name, label, min]) => (
          <Field key={name} label={t(`queues.${label}`)} error={errorOf(name)}>
            <Input type="number" min={min} {...register(name, { valueAsNumber: true })} />
          </Field>
        ))}
        {RARE_TIMES.map(([name, label]) => (
          <Field key={name} label={t(`queues.${label}`)} hint={t("queues.never")} error={errorOf(name)}>
            <Input type="number" step="any" min={0} {...register(name, { valueAsNumber: true })} />
          </Field>
        ))}
      </div>
      <Field label={t("queues.strategy")} hint={t("queues.strategyHint")} error={errorOf("strategy")}>
        <Select {...register("strategy")} data-testid="queue-strategy">
          {STRATEGIES.map((one) => (
            <option key={one} value={one}>
              {t(`strategy.${one}`)}
            </option>
          ))}
        </Select>
      </Field>
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label={t("queues.levels")} error={errorOf("levels")}>
          <Select {...register("levels")}>
            {LEVELS.map((one) => (
              <option key={one} value={one}>
                {t(`levels.${one}`)}
              </option>
            ))}
          </Select>
        </Field>
        <Field label={t("queues.wrapUpMode")} error={errorOf("wrap_up")}>
          <Select {...register("wrap_up")}>
            {WRAP_UPS.map((one) => (
              <option key={one} value={one}>
                {t(`wrapUpMode.${one}`)}
              </option>
            ))}
          </Select>
        </Field>
      </div>
      <Controller
        control={form.control}
        name="agents"
        render={({ field }) => <QueueSeats value={field.value} onChange={field.onChange} error={errorOf("agents")} />}
      />
      {form.watch("agents").length > 0 && <Checkbox label={t("queues.onlyListed")} {...register("only_listed")} />}
      <Controller
        control={form.control}
        name="relax"
        render={({ field }) => <Relaxing value={field.value} onChange={field.onChange} error={errorOf("relax")} />}
      />
      <div className="grid gap-3 sm:grid-cols-2">
        <Field label={t("queues.penaltyMax")} hint={t("queues.anyPenalty")} error={errorOf("penalty_max")}>
          <Input type="number" min={0} max={255} {...register("penalty_max", optional)} />
        </Field>
        <Field
          label={t("queues.noAgentsAfter")}
          hint={t("queues.noAgentsHint")}
          error={errorOf("no_agents_after_ms")}
        >
          <Input
            type="number"
            step="any"
            min={0}
            {...register("no_agents_after_ms", optional)}
            data-testid="queue-no-agents"
          />
        </Field>
      </div>
      <Field label={t("queues.callbackKey")} hint={t("queues.callbackHint")} error={errorOf("callback_key")}>
        <Input maxLength={1} className="!w-20" {...register("callback_key")} data-testid="queue-callback-key" />
      </Field>
      {form.watch("callback_key") && (
        <div className="grid grid-cols-2 gap-3">
          <Field label={t("queues.callbackAttempts")} error={errorOf("callback_attempts")}>
            <Input type="number" min={1} max={10} {...register("callback_attempts", { valueAsNumber: true })} />
          </Field>
          <Field label={t("queues.callbackEvery")} error={errorOf("callback_every_ms")}>
            <Input type="number" min={5} step="any" {...register("callback_every_ms", { valueAsNumber: true })} />
          </Field>
        </div>
      )}
      <Field label={t("queues.script")} hint={t("queues.scriptHint")} error={errorOf("script")}>
        <TextArea maxLength={4_000} rows={4} {...register("script")} data-testid="queue-script" />
      </Field>
      <Checkbox label={t("queues.manual")} {...register("manual")} data-testid="queue-manual" />
      <Checkbox label={t("queues.emergency")} {...register("emergency")} />
    </DocumentForm>
  );
}
