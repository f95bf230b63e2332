import { useQuery, useQueryClient } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { all, post } from "@/api/client";
import { useServerForm } from "@/api/form";
import { useMay, useMe } from "@/api/queries";
import { email, required, z } from "@/api/schema";
import type { Invite, User } from "@/api/types";
import {
  Badge,
  Button,
  Card,
  type Column,
  Copyable,
  Dialog,
  EmptyState,
  Field,
  Input,
  Loaded,
  Notice,
  Page,
  Select,
  Table,
} from "@/components/ui";
import { dateTime } from "@/format/format";
import { DocumentForm } from "./documents";

export function UsersPage() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const may = useMay()("users:write");
  const users = useQuery({ queryKey: ["users"], queryFn: ({ signal }) => all<User>("/users", signal) });
  const invites = useQuery({
    queryKey: ["users", "invites"],
    queryFn: ({ signal }) => all<Invite>("/users/invites", signal),
  });
  const [inviting, setInviting] = useState(false);
  const role = (of: { role: User["role"] }) => t(`role.${of.role}`);
  const members: Column<User>[] = [
    { head: t("common.name"), cell: (user) => user.name, className: "font-medium" },
    { head: t("users.email"), cell: (user) => user.email },
    { head: t("users.role"), cell: role },
    {
      head: t("users.verified"),
      cell: (user) => (
        <Badge tone={user.email_verified ? "ok" : "neutral"}>
          {t(user.email_verified ? "users.verified" : "users.unverified")}
        </Badge>
      ),
    },
  ];
  const invited: Column<Invite>[] = [
    { head: t("common.name"), cell: (invite) => invite.name, className: "font-medium" },
    { head: t("users.email"), cell: (invite) => invite.email },
    { head: t("users.role"), cell: role },
    {
      head: t("users.expires"),
      cell: (invite) => dateTime(invite.expires_at_ms, i18n.language, me.time_zone),
    },
  ];
  const invite = may && (
    <Button look="primary" onClick={() => setInviting(true)} data-testid="user-invite">
      <UserPlus aria-hidden className="size-4" />
      {t("users.invite")}
    </Button>
  );
  const close = () => setInviting(false);
  return (
    <Page title={t("nav.users")} lead={t("users.lead")} actions={invite}>
      <Card title={t("users.members")} flush>
        <Loaded query={users}>
          {(rows) => <Table caption={t("users.members")} columns={members} rows={rows} rowKey={(user) => user.id} />}
        </Loaded>
      </Card>
      <Card title={t("users.pending")} flush>
        <Loaded query={invites}>
          {(rows) => (
            <Table
              caption={t("users.pending")}
              columns={invited}
              rows={rows}
              rowKey={(one) => one.id}
              empty={<EmptyState title={t("users.noInvites")} />}
            />
          )}
        </Loaded>
      </Card>
      <Dialog open={inviting} onClose={close} title={t("users.inviteTitle")}>
        <InviteForm onDone={close} />
      </Dialog>
    </Page>
  );
}

const ROLES = ["agent", "supervisor", "admin", "auditor", "developer"] as const;
const schema = z.object({ name: required, email, role: z.enum(ROLES) });

function InviteForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [link, setLink] = useState("");
  const { form, register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { name: "", email: "", role: "agent" as (typeof ROLES)[number] },
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
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {t(`role.${role}`)}
            </option>
          ))}
        </Select>
      </Field>
    </DocumentForm>
  );
}
