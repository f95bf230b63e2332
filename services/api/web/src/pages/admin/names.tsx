import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useServerForm } from "@/api/form";
import { type Collection, documents, useMay, useSave } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { Named } from "@/api/types";
import {
  Button,
  Card,
  type Column,
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
import { DeleteButton, DocumentForm, RowActions } from "./editor";

type Kind = Extract<Collection, "skills" | "dispositions">;

export const SkillsPage = () => <NamesPage kind="skills" />;
export const DispositionsPage = () => <NamesPage kind="dispositions" />;

/** Documents that have but a name. */
function NamesPage({ kind }: { kind: Kind }) {
  const { t } = useTranslation();
  const may = useMay()("config:write");
  const list = useQuery(documents<Named>(kind));
  const [edited, setEdited] = useState<Named | null>(null);
  const columns: Column<Named>[] = [
    { head: t("common.name"), cell: (one) => one.name, className: "font-medium" },
    {
      head: <span className="sr-only">{t("common.actions")}</span>,
      cell: (one) =>
        may && (
          <RowActions onEdit={() => setEdited(one)}>
            <DeleteButton of={kind} id={one.id} name={one.name} />
          </RowActions>
        ),
    },
  ];
  const close = () => setEdited(null);
  return (
    <Page title={t(`nav.${kind}`)} lead={t(`${kind}.lead`)}>
      {may && (
        <Card>
          <NewName kind={kind} />
        </Card>
      )}
      <Card flush>
        <Loaded query={list}>
          {(rows) => (
            <Table
              caption={t(`nav.${kind}`)}
              columns={columns}
              rows={rows}
              rowKey={(one) => one.id}
              rowTestId="name-row"
              empty={<EmptyState title={t(`${kind}.none`)} />}
            />
          )}
        </Loaded>
      </Card>
      <Dialog open={edited !== null} onClose={close} title={t("common.edit")}>
        {edited && <Rename kind={kind} of={edited} onDone={close} />}
      </Dialog>
    </Page>
  );
}

const schema = z.object({ name: required });

function NewName({ kind }: { kind: Kind }) {
  const { t } = useTranslation();
  const save = useSave<Named>(kind);
  const { form, register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { name: "" },
    submit: async (body) => {
      await save.mutateAsync({ body });
      form.reset();
    },
  });
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3">
      {problem && <Notice tone="bad">{problem}</Notice>}
      <Field label={t(`${kind}.new`)} error={errorOf("name")}>
        <div className="flex gap-2">
          <Input {...register("name")} aria-label={t(`${kind}.new`)} className="max-w-sm" data-testid="name-new" />
          <Button type="submit" look="primary" busy={busy} data-testid="name-add">
            {t("common.add")}
          </Button>
        </div>
      </Field>
    </form>
  );
}

function Rename({ kind, of, onDone }: { kind: Kind; of: Named; onDone: () => void }) {
  const { t } = useTranslation();
  const save = useSave<Named>(kind);
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { name: of.name },
    submit: async (body) => {
      await save.mutateAsync({ id: of.id, version: of.version, body });
      toast("ok", t("common.saved"));
      onDone();
    },
  });
  return (
    <DocumentForm onSubmit={onSubmit} onCancel={onDone} problem={problem} busy={busy}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} />
      </Field>
    </DocumentForm>
  );
}
