import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { documents } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { Agent, Department } from "@/api/types";
import { type Column, Field, Input, Select } from "@/components/ui";
import { DocumentForm, Documents, useDocumentForm } from "./documents";
import { subtree, tree } from "./department-tree";

export function DepartmentsPage() {
  const { t } = useTranslation();
  const all = useQuery(documents<Department>("departments"));
  const agents = useQuery(documents<Agent>("agents"));
  const people = (id: string) => agents.data?.filter((agent) => agent.department === id).length ?? 0;
  const depths = new Map(tree(all.data ?? []).map((one) => [one.id, one.depth]));
  const depth = (one: Department) => depths.get(one.id) ?? 0;
  const columns: Column<Department>[] = [
    {
      head: t("common.name"),
      cell: (one) => (
        <span style={{ paddingInlineStart: `${depth(one) * 1.25}rem` }} data-depth={depth(one)}>
          {depth(one) > 0 && (
            <span aria-hidden className="mr-1.5 text-muted">
              └
            </span>
          )}
          {one.name}
        </span>
      ),
      className: "font-medium",
    },
    { head: t("departments.people"), figure: true, cell: (one) => people(one.id) },
  ];
  return (
    <Documents<Department>
      of="departments"
      testId="department"
      writes="users:write"
      add={t("departments.new")}
      arrange={tree}
      columns={columns}
      name={(one) => one.name}
      form={(one, done) => <DepartmentForm of={one} all={all.data ?? []} onDone={done} />}
    />
  );
}

const schema = z.object({ name: required, parent: z.string() });

type FormProps = { of: Department | null; all: Department[]; onDone: () => void };

function DepartmentForm({ of, all, onDone }: FormProps) {
  const { t } = useTranslation();
  const editing = useDocumentForm<Department, z.infer<typeof schema>>({
    of: "departments",
    document: of,
    schema,
    defaults: { name: of?.name ?? "", parent: of?.parent ?? "" },
    body: ({ name, parent }) => ({ name, parent: parent || null }),
    onDone,
  });
  const { register, errorOf } = editing;
  // Nobody is above themselves.
  const below = of ? subtree(all, of.id) : new Set<string>();
  return (
    <DocumentForm form={editing} onCancel={onDone}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="department-name" />
      </Field>
      <Field label={t("departments.parent")} error={errorOf("parent")}>
        <Select {...register("parent")} data-testid="department-parent">
          <option value="">{t("departments.top")}</option>
          <DepartmentOptions all={all.filter((one) => !below.has(one.id))} />
        </Select>
      </Field>
    </DocumentForm>
  );
}

/** Departments as a list that shows the tree. */
export function DepartmentOptions({ all }: { all: Department[] }) {
  return tree(all).map((one) => (
    <option key={one.id} value={one.id}>
      {"\u00a0\u00a0".repeat(one.depth)}
      {one.name}
    </option>
  ));
}
