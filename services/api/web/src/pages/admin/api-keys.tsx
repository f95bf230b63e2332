import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { Controller } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { get, post, request } from "@/api/client";
import { useServerForm } from "@/api/form";
import { useMe } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { ApiKey, List } from "@/api/types";
import { useProblemText } from "@/api/words";
import {
  Badge,
  Button,
  Card,
  Checkbox,
  type Column,
  ConfirmButton,
  Copyable,
  Dialog,
  EmptyState,
  Field,
  Input,
  Loaded,
  Notice,
  Page,
  Table,
  toast,
} from "@/components/ui";
import { dateTime } from "@/format/format";
import { DocumentForm } from "./documents";

export function ApiKeysPage() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const words = useProblemText();
  const client = useQueryClient();
  const [adding, setAdding] = useState(false);
  const keys = useQuery({ queryKey: ["api-keys"], queryFn: () => get<List<ApiKey>>("/api-keys?limit=200") });
  const revoke = useMutation({
    mutationFn: (id: string) => request<void>("DELETE", `/api-keys/${id}`),
    onSettled: () => client.invalidateQueries({ queryKey: ["api-keys"] }),
    onError: (error) => toast("bad", words(error)),
  });
  const at = (ms: number) => dateTime(ms, i18n.language, me.time_zone);
  const columns: Column<ApiKey>[] = [
    { head: t("common.name"), cell: (key) => key.name, className: "font-medium" },
    {
      head: t("apiKeys.scopes"),
      cell: (key) => (
        <span className="flex flex-wrap gap-1">
          {key.scopes.map((scope) => (
            <Badge key={scope}>{scope}</Badge>
          ))}
        </span>
      ),
    },
    { head: t("apiKeys.created"), cell: (key) => at(key.created_at_ms) },
    {
      head: t("apiKeys.lastUsed"),
      cell: (key) => (key.last_used_at_ms ? at(key.last_used_at_ms) : t("apiKeys.never")),
    },
    {
      head: <span className="sr-only">{t("common.actions")}</span>,
      cell: (key) => (
        <ConfirmButton
          label={t("apiKeys.revoke")}
          question={t("apiKeys.revokeQuestion", { name: key.name })}
          onConfirm={() => revoke.mutate(key.id)}
        />
      ),
    },
  ];
  const add = (
    <Button look="primary" onClick={() => setAdding(true)} data-testid="api-key-new">
      <Plus aria-hidden className="size-4" />
      {t("apiKeys.new")}
    </Button>
  );
  const close = () => setAdding(false);
  return (
    <Page title={t("nav.apiKeys")} lead={t("apiKeys.lead")} actions={add}>
      <Card flush>
        <Loaded query={keys}>
          {({ items }) => (
            <Table
              caption={t("nav.apiKeys")}
              columns={columns}
              rows={items}
              rowKey={(key) => key.id}
              empty={<EmptyState title={t("apiKeys.none")} />}
            />
          )}
        </Loaded>
      </Card>
      <Dialog open={adding} onClose={close} title={t("apiKeys.new")}>
        <KeyForm onDone={close} />
      </Dialog>
    </Page>
  );
}

const schema = z.object({ name: required, scopes: z.array(z.string()).min(1, "required") });

function KeyForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const me = useMe();
  const client = useQueryClient();
  const [made, setMade] = useState<{ id: string; secret: string } | null>(null);
  const { form, register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { name: "", scopes: ["*"] },
    submit: async (values) => {
      setMade(await post<{ id: string; secret: string }>("/api-keys", values));
      await client.invalidateQueries({ queryKey: ["api-keys"] });
    },
  });
  if (made) {
    return (
      <div className="flex flex-col gap-3">
        <Notice tone="warn">{t("apiKeys.secret")}</Notice>
        <Copyable value={made.secret} testId="api-key-secret" />
        <p className="text-sm text-muted">{t("apiKeys.oauth")}</p>
        <Copyable value={made.id} testId="api-key-client" />
        <Button className="self-end" onClick={onDone}>
          {t("common.close")}
        </Button>
      </div>
    );
  }
  const toggled = (scopes: string[], scope: string) =>
    scopes.includes(scope) ? scopes.filter((one) => one !== scope) : [...scopes, scope];
  return (
    <DocumentForm form={{ onSubmit, problem, busy }} onCancel={onDone}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="api-key-name" />
      </Field>
      <Controller
        control={form.control}
        name="scopes"
        render={({ field }) => (
          <fieldset className="flex flex-col gap-1.5">
            <legend className="mb-1 text-sm font-medium">{t("apiKeys.scopes")}</legend>
            <Checkbox
              label={t("apiKeys.everything")}
              checked={field.value.includes("*")}
              onChange={(event) => field.onChange(event.target.checked ? ["*"] : [])}
            />
            {!field.value.includes("*") && (
              <div className="grid grid-cols-2 gap-1.5 pl-6">
                {me.permissions.map((scope) => (
                  <Checkbox
                    key={scope}
                    label={scope}
                    checked={field.value.includes(scope)}
                    onChange={() => field.onChange(toggled(field.value, scope))}
                  />
                ))}
              </div>
            )}
            {errorOf("scopes") && (
              <p role="alert" className="text-xs font-medium text-bad">
                {errorOf("scopes")}
              </p>
            )}
          </fieldset>
        )}
      />
    </DocumentForm>
  );
}
