import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { documents, useNames } from "@/api/queries";
import { figure, required, z } from "@/api/schema";
import type { Threshold } from "@/api/figures";
import type { Queue } from "@/api/types";
import { Badge, Checkbox, type Column, Field, Input, Select, TextArea } from "@/components/ui";
import { MEASURES, useMeasured } from "../live/measure";
import { DocumentForm, Documents, useDocumentForm } from "./documents";

const SECOND_MS = 1_000;

export function ThresholdsPage() {
  const { t } = useTranslation();
  const names = useNames();
  const measured = useMeasured();
  const queues = useQuery(documents<Queue>("queues"));
  const columns: Column<Threshold>[] = [
    { head: t("common.name"), cell: (one) => one.name, className: "font-medium" },
    { head: t("fact.queue"), cell: (one) => names.queue(one.queue) },
    {
      head: t("threshold.measure"),
      cell: (one) => `${t(`threshold.${one.measure}`)} ${upper(one.measure) ? "≥" : "<"} ${measured(one.measure, one.at)}`,
    },
    { head: t("threshold.mails"), cell: (one) => one.emails.join(", ") },
    {
      head: t("live.state"),
      cell: (one) => <Badge tone={one.enabled ? "ok" : "neutral"}>{t(one.enabled ? "threshold.on" : "threshold.off")}</Badge>,
    },
  ];
  return (
    <Documents
      of="thresholds"
      testId="threshold"
      writes="supervise"
      add={t("thresholds.new")}
      columns={columns}
      name={(one) => one.name}
      form={(one, done) => queues.data && <ThresholdForm threshold={one} queues={queues.data} onDone={done} />}
    />
  );
}

const upper = (measure: Threshold["measure"]) => measure === "waiting" || measure === "longest_wait";

const schema = z.object({
  name: required,
  queue: required,
  measure: z.enum(MEASURES),
  at: figure(100_000),
  lasts: figure(3_600),
  emails: z.string(),
  enabled: z.boolean(),
});

type FormProps = { threshold: Threshold | null; queues: Queue[]; onDone: () => void };

/** Waits are typed in seconds. */
const scale = (measure: Threshold["measure"]) => (measure === "longest_wait" ? SECOND_MS : 1);

function ThresholdForm({ threshold, queues, onDone }: FormProps) {
  const { t } = useTranslation();
  const editing = useDocumentForm<Threshold, z.infer<typeof schema>>({
    of: "thresholds",
    document: threshold,
    schema,
    defaults: {
      name: threshold?.name ?? "",
      queue: threshold?.queue ?? queues[0]?.id ?? "",
      measure: threshold?.measure ?? "waiting",
      at: String(threshold ? threshold.at / scale(threshold.measure) : 5),
      lasts: String((threshold?.lasts_ms ?? 30 * SECOND_MS) / SECOND_MS),
      emails: threshold?.emails.join("\n") ?? "",
      enabled: threshold?.enabled ?? true,
    },
    body: ({ at, lasts, emails, ...rest }) => ({
      ...rest,
      at: Number(at) * scale(rest.measure),
      lasts_ms: Number(lasts) * SECOND_MS,
      emails: emails.split(/[\s,;]+/).filter(Boolean),
    }),
    onDone,
  });
  const { register, errorOf } = editing;
  return (
    <DocumentForm form={editing} onCancel={onDone}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="threshold-name" />
      </Field>
      <Field label={t("fact.queue")} error={errorOf("queue")} required>
        <Select {...register("queue")} data-testid="threshold-queue">
          {queues.map((queue) => (
            <option key={queue.id} value={queue.id}>
              {queue.name}
            </option>
          ))}
        </Select>
      </Field>
      <Field label={t("threshold.measure")} error={errorOf("measure")} required>
        <Select {...register("measure")} data-testid="threshold-measure">
          {MEASURES.map((measure) => (
            <option key={measure} value={measure}>
              {t(`threshold.${measure}`)} {upper(measure) ? "≥" : "<"}
            </option>
          ))}
        </Select>
      </Field>
      <Field label={t("threshold.at")} hint={t("threshold.atHint")} error={errorOf("at")} required>
        <Input {...register("at")} inputMode="numeric" data-testid="threshold-at" />
      </Field>
      <Field label={t("threshold.lasts")} hint={t("threshold.lastsHint")} error={errorOf("lasts")} required>
        <Input {...register("lasts")} inputMode="numeric" data-testid="threshold-lasts" />
      </Field>
      <Field label={t("threshold.mails")} hint={t("threshold.mailsHint")} error={errorOf("emails")}>
        <TextArea {...register("emails")} rows={2} data-testid="threshold-emails" />
      </Field>
      <Checkbox label={t("threshold.on")} {...register("enabled")} />
    </DocumentForm>
  );
}
