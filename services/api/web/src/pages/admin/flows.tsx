import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useServerForm } from "@/api/form";
import { documents, useMay, useSave } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { Flow } from "@/api/types";
import { Button, Card, type Column, Dialog, EmptyState, Field, Input, Loaded, Page, Select, Table } from "@/components/ui";
import { LANGUAGES, isLanguage } from "@/i18n";
import { DeleteButton, DocumentForm, RowActions } from "./editor";

export function FlowsPage() {
  const { t } = useTranslation();
  const may = useMay()("config:write");
  const flows = useQuery(documents<Flow>("flows"));
  const [adding, setAdding] = useState(false);
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
    {
      head: <span className="sr-only">{t("common.actions")}</span>,
      cell: (flow) =>
        may && (
          <RowActions>
            <DeleteButton of="flows" id={flow.id} name={flow.name} />
          </RowActions>
        ),
    },
  ];
  const add = may && (
    <Button look="primary" onClick={() => setAdding(true)} data-testid="flow-new">
      <Plus aria-hidden className="size-4" />
      {t("flows.new")}
    </Button>
  );
  return (
    <Page title={t("nav.flows")} lead={t("flows.lead")} actions={add}>
      <Card flush>
        <Loaded query={flows}>
          {(rows) => (
            <Table
              caption={t("nav.flows")}
              columns={columns}
              rows={rows}
              rowKey={(flow) => flow.id}
              rowTestId="flow-row"
              empty={<EmptyState title={t("flows.none")} />}
            />
          )}
        </Loaded>
      </Card>
      <Dialog open={adding} onClose={() => setAdding(false)} title={t("flows.new")}>
        <NewFlow onCancel={() => setAdding(false)} />
      </Dialog>
    </Page>
  );
}

const schema = z.object({ name: required, language: z.string() });

/** A new flow begins as the shortest valid one. */
function NewFlow({ onCancel }: { onCancel: () => void }) {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const save = useSave<Flow>("flows");
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { name: "", language: i18n.language },
    submit: async (values) => {
      const nodes: Flow["nodes"] = { end: { type: "hangup" } };
      const flow = await save.mutateAsync({ body: { ...values, start: "end", nodes } });
      await navigate({ to: "/flows/$id", params: { id: flow.id } });
    },
  });
  return (
    <DocumentForm onSubmit={onSubmit} onCancel={onCancel} problem={problem} busy={busy}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="flow-name" />
      </Field>
      <Field label={t("flows.language")}>
        <Select {...register("language")}>
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </Select>
      </Field>
    </DocumentForm>
  );
}
