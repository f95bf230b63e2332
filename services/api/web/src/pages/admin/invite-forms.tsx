import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { post, request } from "@/api/client";
import { useServerForm } from "@/api/form";
import type { FieldError } from "@/api/problem";
import { email, required, z } from "@/api/schema";
import { useFaultText, useProblemText } from "@/api/words";
import { Badge, Button, Copyable, Field, Input, Notice, Select, Table, TextArea } from "@/components/ui";
import { DocumentForm } from "./documents";
import { RoleOptions } from "./role-name";

const schema = z.object({ name: required, email, role: z.string() });

export function InviteForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [link, setLink] = useState("");
  const { form, register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { name: "", email: "", role: "agent" },
    submit: async (values) => {
      const { token } = await post<{ token: string }>("/users/invites", values);
      setLink(`${location.origin}/invite/${token}`);
      await client.invalidateQueries({ queryKey: ["users"] });
    },
  });
  if (link) {
    return (
      <div className="flex flex-col gap-3">
        <Notice tone="ok">{t("users.link", { name: form.getValues("name") })}</Notice>
        <Copyable value={link} testId="invite-link" />
        <Button className="self-end" onClick={onDone}>
          {t("common.close")}
        </Button>
      </div>
    );
  }
  return (
    <DocumentForm form={{ onSubmit, problem, busy }} onCancel={onDone}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="invite-name" />
      </Field>
      <Field label={t("users.email")} error={errorOf("email")} required>
        <Input {...register("email")} type="email" data-testid="invite-email" />
      </Field>
      <Field label={t("users.role")} error={errorOf("role")}>
        <Select {...register("role")} data-testid="invite-role">
          <RoleOptions />
        </Select>
      </Field>
    </DocumentForm>
  );
}

type Row = { row: number; email: string; id: string | null; errors: FieldError[] };

/** Many at once, from a spreadsheet: looked at first, then sent. */
export function BulkForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const words = useProblemText();
  const client = useQueryClient();
  const [csv, setCsv] = useState("email,name,role\n");
  const send = useMutation({
    mutationFn: (dryRun: boolean) =>
      request<{ items: Row[] }>("POST", `/users/invites/bulk?dry_run=${dryRun}`, { csv }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["users"] }),
  });
  const rows = send.data?.items ?? [];
  const sent = send.variables === false && send.data !== undefined;
  const wrong = rows.filter((row) => row.errors.length > 0);
  return (
    <div className="flex flex-col gap-3.5">
      <p className="text-sm text-muted">{t("users.bulkLead")}</p>
      <Input
        type="file"
        accept=".csv,text/csv,text/plain"
        aria-label={t("users.file")}
        className="!h-auto py-1.5"
        data-testid="bulk-file"
        onChange={async (event) => {
          const [file] = event.target.files ?? [];
          if (file) setCsv(await file.text());
          send.reset();
        }}
      />
      <TextArea
        aria-label={t("users.rows")}
        className="min-h-36 font-mono text-xs"
        value={csv}
        data-testid="bulk-rows"
        onChange={(event) => {
          setCsv(event.target.value);
          send.reset();
        }}
      />
      {send.error && <Notice tone="bad">{words(send.error)}</Notice>}
      {send.data && (
        <Notice tone={wrong.length > 0 ? "warn" : "ok"} testId="bulk-result">
          {t(sent ? "users.bulkSent" : "users.bulkChecked", { count: rows.length - wrong.length })}
          {wrong.length > 0 && ` ${t("users.bulkWrong", { count: wrong.length })}`}
        </Notice>
      )}
      {wrong.length > 0 && <Mistakes rows={wrong} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>{t("common.close")}</Button>
        <Button busy={send.isPending && send.variables} onClick={() => send.mutate(true)} data-testid="bulk-check">
          {t("users.check")}
        </Button>
        <Button
          look="primary"
          busy={send.isPending && !send.variables}
          disabled={sent || rows.length === wrong.length}
          onClick={() => send.mutate(false)}
          data-testid="bulk-send"
        >
          {t("users.inviteAll")}
        </Button>
      </div>
    </div>
  );
}

function Mistakes({ rows }: { rows: Row[] }) {
  const { t } = useTranslation();
  const fault = useFaultText();
  return (
    <Table
      caption={t("users.bulkWrong", { count: rows.length })}
      columns={[
        { head: t("users.row"), figure: true, cell: (row) => row.row },
        { head: t("users.email"), cell: (row) => row.email },
        {
          head: t("users.mistake"),
          cell: (row) => (
            <span className="flex flex-wrap gap-1">
              {row.errors.map((error) => (
                <Badge key={error.place} tone="bad">
                  {fault(error)}
                </Badge>
              ))}
            </span>
          ),
        },
      ]}
      rows={rows}
      rowKey={(row) => row.row}
      rowTestId="bulk-mistake"
    />
  );
}
