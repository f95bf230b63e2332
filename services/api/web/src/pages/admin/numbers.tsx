import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useServerForm } from "@/api/form";
import { documents, useMay, useSave } from "@/api/queries";
import { e164, required, z } from "@/api/schema";
import type { DidNumber, Flow } from "@/api/types";
import {
  Button,
  Card,
  Checkbox,
  type Column,
  Dialog,
  EmptyState,
  Field,
  Input,
  Loaded,
  Page,
  PhoneNumber,
  Select,
  Table,
  toast,
} from "@/components/ui";
import { DeleteButton, DocumentForm, RowActions } from "./editor";

export function NumbersPage() {
  const { t } = useTranslation();
  const may = useMay()("config:write");
  const numbers = useQuery(documents<DidNumber>("numbers"));
  const flows = useQuery(documents<Flow>("flows"));
  const [edited, setEdited] = useState<DidNumber | "new" | null>(null);
  const flowName = (id: string) => flows.data?.find((flow) => flow.id === id)?.name ?? id;
  const columns: Column<DidNumber>[] = [
    { head: t("numbers.number"), cell: (did) => <PhoneNumber number={did.number} />, className: "font-medium" },
    { head: t("numbers.label"), cell: (did) => did.label },
    {
      head: t("numbers.flow"),
      cell: (did) => (
        <Link to="/flows/$id" params={{ id: did.flow }} className="underline decoration-line-strong">
          {flowName(did.flow)}
        </Link>
      ),
    },
    {
      head: t("numbers.autoConnect"),
      cell: (did) => (did.auto_connect ? t("common.yes") : t("numbers.early")),
    },
    {
      head: <span className="sr-only">{t("common.actions")}</span>,
      cell: (did) =>
        may && (
          <RowActions onEdit={() => setEdited(did)}>
            <DeleteButton of="numbers" id={did.id} name={did.number} />
          </RowActions>
        ),
    },
  ];
  const add = may && (
    <Button look="primary" onClick={() => setEdited("new")} data-testid="number-new">
      <Plus aria-hidden className="size-4" />
      {t("numbers.new")}
    </Button>
  );
  const close = () => setEdited(null);
  return (
    <Page title={t("nav.numbers")} lead={t("numbers.lead")} actions={add}>
      <Card flush>
        <Loaded query={numbers}>
          {(rows) => (
            <Table
              caption={t("nav.numbers")}
              columns={columns}
              rows={rows}
              rowKey={(did) => did.id}
              rowTestId="number-row"
              empty={<EmptyState title={t("numbers.none")} />}
            />
          )}
        </Loaded>
      </Card>
      <Dialog
        open={edited !== null}
        onClose={close}
        title={edited && edited !== "new" ? t("numbers.edit", { number: edited.number }) : t("numbers.new")}
      >
        {edited && flows.data && (
          <NumberForm did={edited === "new" ? null : edited} flows={flows.data} onDone={close} />
        )}
      </Dialog>
    </Page>
  );
}

const schema = z.object({ number: e164, label: required, flow: required, auto_connect: z.boolean() });

type FormProps = { did: DidNumber | null; flows: Flow[]; onDone: () => void };

function NumberForm({ did, flows, onDone }: FormProps) {
  const { t } = useTranslation();
  const save = useSave<DidNumber>("numbers");
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: {
      number: did?.number ?? "",
      label: did?.label ?? "",
      flow: did?.flow ?? flows[0]?.id ?? "",
      auto_connect: did?.auto_connect ?? true,
    },
    submit: async (body) => {
      await save.mutateAsync({ id: did?.id, version: did?.version, body });
      toast("ok", t("common.saved"));
      onDone();
    },
  });
  return (
    <DocumentForm onSubmit={onSubmit} onCancel={onDone} problem={problem} busy={busy}>
      <Field label={t("numbers.number")} hint={t("form.e164")} error={errorOf("number")} required>
        <Input {...register("number")} inputMode="tel" data-testid="number-number" />
      </Field>
      <Field label={t("numbers.label")} hint={t("numbers.labelHint")} error={errorOf("label")} required>
        <Input {...register("label")} data-testid="number-label" />
      </Field>
      <Field label={t("numbers.flow")} error={errorOf("flow")} required>
        <Select {...register("flow")} data-testid="number-flow">
          {flows.map((flow) => (
            <option key={flow.id} value={flow.id}>
              {flow.name}
            </option>
          ))}
        </Select>
      </Field>
      <div>
        <Checkbox label={t("numbers.autoConnect")} {...register("auto_connect")} />
        <p className="mt-1 text-xs text-muted">{t("numbers.autoConnectHint")}</p>
      </div>
    </DocumentForm>
  );
}
