import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { post } from "@/api/client";
import { useServerForm } from "@/api/form";
import { z } from "@/api/schema";
import type { Webhook } from "@/api/types";
import { Field, Input, Notice, Select, toast } from "@/components/ui";
import { DocumentForm } from "./documents";

const HOUR = 3_600_000;
const FROM = ["hour", "day", "all", "cursor"] as const;

type Values = { from: (typeof FROM)[number]; after: string };
type Replayed = { queued: number; next_cursor: string | null };
/** What found no room: from where to go on, when there is some. */
type Rest = { queued: number; cursor: string; from_ms: number | undefined };

const schema = z.object({ from: z.enum(FROM), after: z.string() });

const beginningOf = (from: Values["from"]) =>
  ({ hour: Date.now() - HOUR, day: Date.now() - 24 * HOUR, all: undefined, cursor: undefined })[from];

/** What happened since a time, or behind a cursor that the receiver kept. */
export function ReplayForm({ of, onDone }: { of: Webhook; onDone: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [rest, setRest] = useState<Rest | null>(null);
  const { form, register, onSubmit, errorOf, problem, busy } = useServerForm<Values>({
    schema,
    defaults: { from: "hour", after: "" },
    submit: async ({ from, after }) => {
      const goesOn = rest !== null && from === "cursor" && after === rest.cursor;
      const from_ms = goesOn ? rest.from_ms : beginningOf(from);
      const body = from === "cursor" ? { after, from_ms } : { from_ms };
      const { queued, next_cursor: cursor } = await post<Replayed>(`/webhooks/${of.id}/replay`, body);
      await client.invalidateQueries({ queryKey: ["webhooks"] });
      if (cursor !== null) {
        setRest({ queued, cursor, from_ms });
        form.setValue("from", "cursor");
        form.setValue("after", cursor);
        return;
      }
      toast("ok", t("webhooks.queued", { count: queued }));
      onDone();
    },
  });
  return (
    <DocumentForm form={{ onSubmit, problem, busy }} onCancel={onDone}>
      {rest && (
        <Notice tone="warn" testId="replay-rest">
          {t("webhooks.queued", { count: rest.queued })}. {t("webhooks.replayRest", { cursor: rest.cursor })}
        </Notice>
      )}
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
