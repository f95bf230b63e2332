import { useTranslation } from "react-i18next";
import { useServerForm } from "@/api/form";
import { type Collection, useMay, useSave } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { Named } from "@/api/types";
import { Button, Card, type Column, Field, Input, Notice } from "@/components/ui";
import { DocumentForm, Documents, useDocumentForm } from "./documents";

type Kind = Extract<Collection, "skills" | "dispositions" | "categories">;

export const SkillsPage = () => <NamesPage kind="skills" />;
export const CategoriesPage = () => <NamesPage kind="categories" />;
export const DispositionsPage = () => <NamesPage kind="dispositions" />;

/** Documents that have but a name. */
function NamesPage({ kind }: { kind: Kind }) {
  const { t } = useTranslation();
  const may = useMay()("config:write");
  const columns: Column<Named>[] = [
    { head: t("common.name"), cell: (one) => one.name, className: "font-medium" },
  ];
  return (
    <Documents
      of={kind}
      testId="name"
      columns={columns}
      name={(one) => one.name}
      form={(one, done) => one && <Rename kind={kind} of={one} onDone={done} />}
    >
      {may && (
        <Card>
          <NewName kind={kind} />
        </Card>
      )}
    </Documents>
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
  const editing = useDocumentForm<Named, z.infer<typeof schema>>({
    of: kind,
    document: of,
    schema,
    defaults: { name: of.name },
    body: (values) => values,
    onDone,
  });
  return (
    <DocumentForm form={editing} onCancel={onDone}>
      <Field label={t("common.name")} error={editing.errorOf("name")} required>
        <Input {...editing.register("name")} />
      </Field>
    </DocumentForm>
  );
}
