import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { get, request } from "@/api/client";
import { useServerForm } from "@/api/form";
import { documents, useMe } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { Agent, Department, List, Session, User } from "@/api/types";
import { useProblemText } from "@/api/words";
import { SessionTable } from "@/components/session-table";
import { Field, Input, Loaded, Select, toast } from "@/components/ui";
import { DepartmentOptions } from "./departments";
import { DocumentForm } from "./documents";
import { RoleOptions } from "./role-name";

const schema = z.object({ name: required, role: z.string(), scope: z.enum(["company", "department"]), department: z.string() });

/** Who somebody is in the company, and where they are signed in. */
export function UserForm({ user, onDone }: { user: User; onDone: () => void }) {
  const agents = useQuery(documents<Agent>("agents"));
  const departments = useQuery(documents<Department>("departments"));
  return (
    <Loaded query={agents}>
      {(all) => (
        <Loaded query={departments}>
          {(tree) => (
            <Form user={user} agent={all.find((one) => one.id === user.agent)} departments={tree} onDone={onDone} />
          )}
        </Loaded>
      )}
    </Loaded>
  );
}

type Props = { user: User; agent?: Agent; departments: Department[]; onDone: () => void };

function Form({ user, agent, departments, onDone }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const client = useQueryClient();
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { name: user.name, role: user.role, scope: user.scope, department: agent?.department ?? "" },
    submit: async ({ name, role, scope, department }) => {
      await request("PATCH", `/users/${user.id}`, { body: { name, role, scope } });
      if (department !== (agent?.department ?? "")) {
        const body = { department: department || null };
        await request("PUT", `/agents/${user.agent}/department`, { body });
      }
      await Promise.all([["users"], ["agents"]].map((queryKey) => client.invalidateQueries({ queryKey })));
      toast("ok", t("common.saved"));
      onDone();
    },
  });
  return (
    <div className="flex flex-col gap-5">
      <DocumentForm form={{ onSubmit, problem, busy }} onCancel={onDone}>
        <Field label={t("common.name")} error={errorOf("name")} required>
          <Input {...register("name")} data-testid="user-name" />
        </Field>
        <Field label={t("users.role")} error={errorOf("role")}>
          <Select {...register("role")} data-testid="user-role">
            <RoleOptions owner={me.role === "owner"} />
          </Select>
        </Field>
        <Field label={t("users.department")} error={errorOf("department")}>
          <Select {...register("department")} data-testid="user-department">
            <option value="">{t("users.noDepartment")}</option>
            <DepartmentOptions all={departments} />
          </Select>
        </Field>
        <Field label={t("users.scope")} hint={t("users.scopeHint")} error={errorOf("scope")}>
          <Select {...register("scope")} data-testid="user-scope">
            <option value="company">{t("scope.company")}</option>
            <option value="department">{t("scope.department")}</option>
          </Select>
        </Field>
      </DocumentForm>
      <section>
        <h3 className="mb-1 text-sm font-semibold">{t("account.sessions")}</h3>
        <UserSessions user={user.id} />
      </section>
    </div>
  );
}

function UserSessions({ user }: { user: string }) {
  const words = useProblemText();
  const client = useQueryClient();
  const queryKey = ["users", user, "sessions"];
  const sessions = useQuery({ queryKey, queryFn: () => get<List<Session>>(`/users/${user}/sessions`) });
  const end = useMutation({
    mutationFn: (id: string) => request<void>("DELETE", `/users/${user}/sessions/${id}`),
    onError: (error) => toast("bad", words(error)),
    onSettled: () => client.invalidateQueries({ queryKey }),
  });
  return (
    <Loaded query={sessions}>{({ items }) => <SessionTable sessions={items} onEnd={(id) => end.mutate(id)} />}</Loaded>
  );
}
