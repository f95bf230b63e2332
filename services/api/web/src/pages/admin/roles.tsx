import { useQuery } from "@tanstack/react-query";
import { Controller } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { required, z } from "@/api/schema";
import type { Permission, Permissions, Role } from "@/api/types";
import { PermissionBoxes } from "@/components/permission-boxes";
import { Card, type Column, Field, Input, Loaded, Table } from "@/components/ui";
import { DocumentForm, Documents, useDocumentForm } from "./documents";

const permissionsQuery = {
  queryKey: ["permissions"],
  staleTime: Infinity,
  queryFn: () => get<Permissions>("/permissions"),
};

export function RolesPage() {
  const { t } = useTranslation();
  const known = useQuery(permissionsQuery);
  const columns: Column<Role>[] = [
    { head: t("common.name"), cell: (role) => role.name, className: "font-medium" },
    {
      head: t("roles.permissions"),
      figure: true,
      cell: (role) => t("roles.count", { count: role.permissions.length }),
    },
  ];
  return (
    <Documents
      of="roles"
      testId="role"
      writes="users:write"
      add={t("roles.new")}
      columns={columns}
      name={(role) => role.name}
      form={(role, done) => known.data && <RoleForm role={role} all={known.data.permissions} onDone={done} />}
    >
      <Card title={t("roles.builtIn")} flush>
        <Loaded query={known}>
          {({ roles }) => (
            <Table
              caption={t("roles.builtIn")}
              columns={[
                { head: t("common.name"), cell: (one) => t(`role.${one.name}`), className: "font-medium" },
                {
                  head: t("roles.permissions"),
                  figure: true,
                  cell: (one) => t("roles.count", { count: one.permissions.length }),
                },
              ]}
              rows={roles}
              rowKey={(one) => one.name}
            />
          )}
        </Loaded>
      </Card>
    </Documents>
  );
}

const schema = z.object({ name: required, permissions: z.array(z.string()).min(1, "required") });

function RoleForm({ role, all, onDone }: { role: Role | null; all: Permission[]; onDone: () => void }) {
  const { t } = useTranslation();
  const editing = useDocumentForm<Role, z.infer<typeof schema>>({
    of: "roles",
    document: role,
    schema,
    defaults: { name: role?.name ?? "", permissions: role?.permissions ?? ["desk", "directory:read", "calls:own"] },
    body: (values) => values,
    onDone,
  });
  return (
    <DocumentForm form={editing} onCancel={onDone}>
      <Field label={t("common.name")} error={editing.errorOf("name")} required>
        <Input {...editing.register("name")} data-testid="role-name" />
      </Field>
      <Controller
        control={editing.form.control}
        name="permissions"
        render={({ field }) => (
          <PermissionBoxes
            label={t("roles.permissions")}
            all={all}
            value={field.value}
            onChange={field.onChange}
            error={editing.errorOf("permissions")}
          />
        )}
      />
    </DocumentForm>
  );
}
