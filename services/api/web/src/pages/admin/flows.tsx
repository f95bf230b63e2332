import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { required, z } from "@/api/schema";
import type { Flow } from "@/api/types";
import { LanguageOptions } from "@/components/shell/language";
import { type Column, Field, Input, Select } from "@/components/ui";
import { LANGUAGES, isLanguage } from "@/i18n";
import { DocumentForm, Documents, useDocumentForm } from "./documents";

export function FlowsPage() {
  const { t } = useTranslation();
  const columns: Column<Flow>[] = [
    {
      head: t("common.name"),
      cell: (flow) => (
        <Link
          to="/flows/$id"
          params={{ id: flow.id }}
          className="font-medium underline decoration-line-strong underline-offset-2"
        >
          {flow.name}
        </Link>
      ),
    },
    {
      head: t("flows.language"),
      cell: (flow) => (isLanguage(flow.language) ? LANGUAGES[flow.language] : flow.language),
    },
    {
      head: t("flows.steps"),
      cell: (flow) => t("flows.nodes", { count: Object.keys(flow.nodes).length }),
    },
    { head: t("flows.versions"), figure: true, cell: (flow) => flow.version },
  ];
  return (
    <Documents
      of="flows"
      testId="flow"
      add={t("flows.new")}
      columns={columns}
      name={(flow) => flow.name}
      edits={false}
      form={(_, done) => <NewFlow onCancel={done} />}
    />
  );
}

const schema = z.object({ name: required, language: z.string() });

/** A new flow begins as the shortest valid one. */
function NewFlow({ onCancel }: { onCancel: () => void }) {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const editing = useDocumentForm<Flow, z.infer<typeof schema>>({
    of: "flows",
    document: null,
    schema,
    defaults: { name: "", language: i18n.language },
    body: (values) => ({ ...values, start: "end", nodes: { end: { type: "hangup" } } }),
    onDone: (flow) => void navigate({ to: "/flows/$id", params: { id: flow.id } }),
  });
  const { register, errorOf } = editing;
  return (
    <DocumentForm form={editing} onCancel={onCancel}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="flow-name" />
      </Field>
      <Field label={t("flows.language")}>
        <Select {...register("language")}>
          <LanguageOptions />
        </Select>
      </Field>
    </DocumentForm>
  );
}
