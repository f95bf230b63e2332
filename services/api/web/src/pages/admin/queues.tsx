import { Controller } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { required, z } from "@/api/schema";
import type { Queue } from "@/api/types";
import { type Column, Field, Input } from "@/components/ui";
import { DocumentForm, Documents, useDocumentForm } from "./documents";
import { SkillBadges, SkillLevels } from "./skill-levels";

const seconds = (ms: number) => ms / 1000;

export function QueuesPage() {
  const { t } = useTranslation();
  const columns: Column<Queue>[] = [
    { head: t("common.name"), cell: (queue) => queue.name, className: "font-medium" },
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
});

const TIMES = [
  ["ring_timeout_ms", "ring", 15],
  ["wrap_up_ms", "wrapUp", 30],
  ["service_level_ms", "serviceLevel", 20],
  ["short_abandon_ms", "shortAbandon", 5],
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
    },
    body: (values) => {
      const body = { ...values };
      for (const [name] of TIMES) body[name] = Math.round(values[name] * 1000);
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
        <Field label={t("queues.waitingMax")} error={errorOf("waiting_max")}>
          <Input type="number" min={1} {...register("waiting_max", { valueAsNumber: true })} />
        </Field>
      </div>
    </DocumentForm>
  );
}
