import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Controller } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { get, post, request } from "@/api/client";
import { useServerForm } from "@/api/form";
import { required, z } from "@/api/schema";
import type { Webhook, WebhookWithSecret } from "@/api/types";
import { Button, Checkbox, Copyable, Field, Input, Notice } from "@/components/ui";
import { DocumentForm } from "./documents";

const schema = z.object({
  name: required,
  url: required,
  kinds: z.array(z.string()).min(1, "required"),
});

type Props = {
  /** Null: a new one. */
  webhook: Webhook | null;
  onCancel: () => void;
  /** With the secret of a new one. */
  onDone: (secret: string) => void;
};

export function WebhookForm({ webhook, onCancel, onDone }: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { form, register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { name: webhook?.name ?? "", url: webhook?.url ?? "", kinds: webhook?.kinds ?? [] },
    submit: async (values) => {
      const saved = webhook
        ? await request<Webhook>("PUT", `/webhooks/${webhook.id}`, { body: { ...values, enabled: webhook.enabled } })
        : await post<WebhookWithSecret>("/webhooks", values);
      await client.invalidateQueries({ queryKey: ["webhooks"] });
      onDone("secret" in saved ? saved.secret : "");
    },
  });
  return (
    <DocumentForm form={{ onSubmit, problem, busy }} onCancel={onCancel}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="webhook-name" />
      </Field>
      <Field label={t("webhooks.url")} hint={t("webhooks.urlHint")} error={errorOf("url")} required>
        <Input {...register("url")} type="url" inputMode="url" placeholder="https://" data-testid="webhook-url" />
      </Field>
      <Controller
        control={form.control}
        name="kinds"
        render={({ field }) => <KindBoxes value={field.value} onChange={field.onChange} error={errorOf("kinds")} />}
      />
    </DocumentForm>
  );
}

const AREAS = [
  ["call", "ofCall"],
  ["agent", "ofAgent"],
  ["recording", "ofRecording"],
  ["alert", "ofAlert"],
] as const;

type BoxesProps = { value: string[]; onChange: (kinds: string[]) => void; error?: string };

/** The kinds by what they are about, each area whole or one by one. */
function KindBoxes({ value, onChange, error }: BoxesProps) {
  const { t } = useTranslation();
  const known = useQuery({ queryKey: ["event-kinds"], queryFn: () => get<{ kinds: string[] }>("/event-kinds") });
  const without = (kinds: string[]) => value.filter((one) => !kinds.includes(one));
  const toggled = (kinds: string[], on: boolean) => (on ? [...without(kinds), ...kinds] : without(kinds));
  return (
    <div className="flex flex-col gap-3">
      {AREAS.map(([area, label]) => {
        const kinds = known.data?.kinds.filter((kind) => kind.startsWith(`${area}.`)) ?? [];
        return (
          <fieldset key={area} className="flex flex-col gap-1.5">
            <legend className="mb-1 text-sm font-medium">{t(`webhooks.${label}`)}</legend>
            {kinds.length > 1 && (
              <Checkbox
                label={t("webhooks.all")}
                checked={kinds.every((kind) => value.includes(kind))}
                onChange={(event) => onChange(toggled(kinds, event.target.checked))}
              />
            )}
            <div className="grid gap-1.5 pl-6 sm:grid-cols-2">
              {kinds.map((kind) => (
                <Checkbox
                  key={kind}
                  label={kind}
                  className="font-mono !text-xs"
                  checked={value.includes(kind)}
                  onChange={(event) => onChange(toggled([kind], event.target.checked))}
                />
              ))}
            </div>
          </fieldset>
        );
      })}
      {error && (
        <p role="alert" className="text-xs font-medium text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

/** Shown once. */
export function SigningSecret({ secret, onClose }: { secret: string; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="flex flex-col gap-3">
      <Notice tone="warn">{t("webhooks.secret")}</Notice>
      <Copyable value={secret} testId="webhook-secret" />
      <Button className="self-end" onClick={onClose}>
        {t("common.close")}
      </Button>
    </div>
  );
}
