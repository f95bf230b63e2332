import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { documents } from "@/api/queries";
import { e164, required, z } from "@/api/schema";
import type { DidNumber, Flow } from "@/api/types";
import { Checkbox, type Column, Field, Input, PhoneNumber, Select } from "@/components/ui";
import { DocumentForm, Documents, useDocumentForm } from "./documents";

export function NumbersPage() {
  const { t } = useTranslation();
  const flows = useQuery(documents<Flow>("flows"));
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
  ];
  return (
    <Documents
      of="numbers"
      testId="number"
      add={t("numbers.new")}
      columns={columns}
      name={(did) => did.number}
      form={(did, done) => flows.data && <NumberForm did={did} flows={flows.data} onDone={done} />}
    />
  );
}

const schema = z.object({ number: e164, label: required, flow: required, auto_connect: z.boolean() });

type FormProps = { did: DidNumber | null; flows: Flow[]; onDone: () => void };

function NumberForm({ did, flows, onDone }: FormProps) {
  const { t } = useTranslation();
  const editing = useDocumentForm<DidNumber, z.infer<typeof schema>>({
    of: "numbers",
    document: did,
    schema,
    defaults: {
      number: did?.number ?? "",
      label: did?.label ?? "",
      flow: did?.flow ?? flows[0]?.id ?? "",
      auto_connect: did?.auto_connect ?? true,
    },
    body: (values) => values,
    onDone,
  });
  const { register, errorOf } = editing;
  return (
    <DocumentForm form={editing} onCancel={onDone}>
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
