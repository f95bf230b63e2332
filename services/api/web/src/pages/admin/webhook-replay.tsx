import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { post } from "@/api/client";
import { useServerForm } from "@/api/form";
import { z } from "@/api/schema";
import type { Webhook } from "@/api/types";
import { Field, Input, Select, toast } from "@/components/ui";
import { DocumentForm } from "./documents";

const HOUR = 3_600_000;
const FROM = ["hour", "day", "all", "cursor"] as const;

const schema = z.object({ from: z.enum(FROM), after: z.string() });

/** What happened since a time, or behind a cursor that the receiver kept. */
export function ReplayForm({ of, onDone }: { of: Webhook; onDone: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { form, register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { from: "hour", after: "" },
    submit: async ({ from, after }) => {
      const since = { hour: Date.now() - HOUR, day: Date.now() - 24 * HOUR, all: null, cursor: null }[from];
      const body = from === "cursor" ? { after } : since === null ? {} : { from_ms: since };
      const { queued } = await post<{ queued: number }>(`/webhooks/${of.id}/replay`, body);
      await client.invalidateQueries({ queryKey: ["webhooks"] });
      toast("ok", t("webhooks.queued", { count: queued }));
      onDone();
    },
  });
  return (
    <DocumentForm form={{ onSubmit, problem, busy }} onCancel={onDone}>
      <Field label={t("webhooks.replayFrom")}>
        <Select {...register("from")} data-testid="replay-from">
          {FROM.map((from) => (
            <option key={from} value={from}>
              {t(`webhooks.since.${from}`)}
            </option>
          ))}
        </Select>
      </Field>
      {form.watch("from") === "cursor" && (
        <Field label={t("webhooks.cursor")} error={errorOf("after")} required>
          <Input {...register("after")} inputMode="numeric" />
        </Field>
      )}
    </DocumentForm>
  );
}
