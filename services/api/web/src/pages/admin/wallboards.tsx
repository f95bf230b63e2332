import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { Controller } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { all, post, request } from "@/api/client";
import { useServerForm } from "@/api/form";
import { documents, useMe, useNames } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { Wallboard } from "@/api/figures";
import type { Queue } from "@/api/types";
import { useProblemText } from "@/api/words";
import {
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

export function WallboardsPage() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const names = useNames();
  const words = useProblemText();
  const client = useQueryClient();
  const [adding, setAdding] = useState(false);
  const list = useQuery({ queryKey: ["wallboards"], queryFn: () => all<Wallboard>("/wallboards") });
  const revoke = useMutation({
    mutationFn: (id: string) => request<void>("DELETE", `/wallboards/${id}`),
    onSettled: () => client.invalidateQueries({ queryKey: ["wallboards"] }),
    onError: (error) => toast("bad", words(error)),
  });
  const columns: Column<Wallboard>[] = [
    { head: t("common.name"), cell: (one) => one.name, className: "font-medium" },
    { head: t("nav.queues"), cell: (one) => one.queues.map(names.queue).join(", ") },
    { head: t("apiKeys.created"), cell: (one) => dateTime(one.at_ms, i18n.language, me.time_zone) },
    {
      head: <span className="sr-only">{t("common.actions")}</span>,
      cell: (one) => (
        <span className="flex justify-end">
          <ConfirmButton
            label={t("wall.revoke")}
            question={t("wall.revokeQuestion", { name: one.name })}
            busy={revoke.isPending}
            onConfirm={() => revoke.mutate(one.id)}
          />
        </span>
      ),
    },
  ];
  return (
    <Page
      title={t("nav.wallboards")}
      lead={t("wall.lead")}
      actions={
        <Button look="primary" onClick={() => setAdding(true)} data-testid="wallboard-new">
          <Plus aria-hidden className="size-4" />
          {t("wall.new")}
        </Button>
      }
    >
      <Card flush>
        <Loaded query={list}>
          {(rows) => (
            <Table
              caption={t("nav.wallboards")}
              columns={columns}
              rows={rows}
              rowKey={(one) => one.id}
              rowTestId="wallboard-row"
              empty={<EmptyState title={t("wall.none")} />}
            />
          )}
        </Loaded>
      </Card>
      <Dialog open={adding} onClose={() => setAdding(false)} title={t("wall.new")}>
        {adding && <WallboardForm onDone={() => setAdding(false)} />}
      </Dialog>
    </Page>
  );
}

const schema = z.object({ name: required, queues: z.array(z.string()).min(1, "required") });

function WallboardForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const queues = useQuery(documents<Queue>("queues"));
  const [token, setToken] = useState("");
  const { form, register, onSubmit, errorOf, problem, busy } = useServerForm<z.infer<typeof schema>>({
    schema,
    defaults: { name: "", queues: [] },
    submit: async (values) => {
      setToken((await post<{ token: string }>("/wallboards", values)).token);
      await client.invalidateQueries({ queryKey: ["wallboards"] });
    },
  });
  if (token) {
    return (
      <div className="flex flex-col gap-3">
        <Notice tone="warn">{t("wall.link")}</Notice>
        <Copyable value={`${location.origin}/wall#${token}`} testId="wallboard-link" />
        <Button className="self-end" onClick={onDone}>
          {t("common.close")}
        </Button>
      </div>
    );
  }
  const toggled = (chosen: string[], id: string) =>
    chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id];
  return (
    <DocumentForm form={{ onSubmit, problem, busy }} onCancel={onDone}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="wallboard-name" />
      </Field>
      <Controller
        control={form.control}
        name="queues"
        render={({ field }) => (
          <fieldset className="flex flex-col gap-1.5">
            <legend className="mb-1 text-sm font-medium">{t("nav.queues")}</legend>
            {queues.data?.map((queue) => (
              <Checkbox
                key={queue.id}
                label={queue.name}
                checked={field.value.includes(queue.id)}
                onChange={() => field.onChange(toggled(field.value, queue.id))}
                data-testid="wallboard-queue"
              />
            ))}
            {errorOf("queues") && (
              <p role="alert" className="text-xs font-medium text-bad">
                {errorOf("queues")}
              </p>
            )}
          </fieldset>
        )}
      />
    </DocumentForm>
  );
}
