import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { FileUp, UserPlus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { all, request } from "@/api/client";
import { documents, useMay, useMe } from "@/api/queries";
import type { Agent, Department, Invite, User } from "@/api/types";
import { useProblemText } from "@/api/words";
import {
  Badge,
  Button,
  Card,
  type Column,
  ConfirmButton,
  Dialog,
  EmptyState,
  Loaded,
  Page,
  Table,
  toast,
} from "@/components/ui";
import { dateTime } from "@/format/format";
import { BulkForm, InviteForm } from "./invite-forms";
import { UserForm } from "./user-form";
import { useRoleName } from "./role-name";

type Open = { what: "invite" } | { what: "bulk" } | { what: "edit"; user: User } | null;

export function UsersPage() {
  const { t } = useTranslation();
  const may = useMay()("users:write");
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const actions = may && (
    <>
      <Button onClick={() => setOpen({ what: "bulk" })} data-testid="users-bulk">
        <FileUp aria-hidden className="size-4" />
        {t("users.bulk")}
      </Button>
      <Button look="primary" onClick={() => setOpen({ what: "invite" })} data-testid="user-invite">
        <UserPlus aria-hidden className="size-4" />
        {t("users.invite")}
      </Button>
    </>
  );
  const titles = { invite: t("users.inviteTitle"), bulk: t("users.bulk"), edit: t("users.editTitle") };
  return (
    <Page title={t("nav.users")} lead={t("users.lead")} actions={actions}>
      <Members onEdit={(user) => setOpen({ what: "edit", user })} />
      <Invited />
      <Dialog open={open !== null} onClose={close} title={open ? titles[open.what] : ""} wide={open?.what === "bulk"}>
        {open?.what === "invite" && <InviteForm onDone={close} />}
        {open?.what === "bulk" && <BulkForm onDone={close} />}
        {open?.what === "edit" && <UserForm user={open.user} onDone={close} />}
      </Dialog>
    </Page>
  );
}

/** Takes somebody or something away, and tells what stands against it. */
function useRemoval(path: string) {
  const { t } = useTranslation();
  const words = useProblemText();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<void>("DELETE", `${path}/${id}`),
    onSuccess: () => toast("ok", t("common.deleted")),
    onError: (error) => toast("bad", words(error)),
    onSettled: () => Promise.all([["users"], ["agents"]].map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}

function Members({ onEdit }: { onEdit: (user: User) => void }) {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const may = useMay()("users:write");
  const roleName = useRoleName();
  const users = useQuery({ queryKey: ["users"], queryFn: ({ signal }) => all<User>("/users", signal) });
  const agents = useQuery(documents<Agent>("agents"));
  const departments = useQuery(documents<Department>("departments"));
  const remove = useRemoval("/users");
  const department = (user: User) => {
    const id = agents.data?.find((agent) => agent.id === user.agent)?.department;
    return departments.data?.find((one) => one.id === id)?.name ?? "";
  };
  const columns: Column<User>[] = [
    {
      head: t("common.name"),
      cell: (user) => (
        <span className="flex flex-wrap items-center gap-x-2 max-sm:justify-end">
          <span className="font-medium">{user.name}</span>
          <span className="text-muted">{user.email}</span>
          {!user.email_verified && <Badge>{t("users.unverified")}</Badge>}
        </span>
      ),
    },
    { head: t("users.role"), cell: (user) => roleName(user.role) },
    { head: t("users.department"), cell: department },
    { head: t("users.scope"), cell: (user) => t(`scope.${user.scope}`) },
    {
      head: t("users.totp"),
      cell: (user) => <Badge tone={user.totp ? "ok" : "neutral"}>{t(user.totp ? "common.yes" : "common.no")}</Badge>,
    },
    {
      head: t("users.seen"),
      cell: (user) => (user.seen_at_ms ? dateTime(user.seen_at_ms, i18n.language, me.time_zone) : ""),
    },
  ];
  const acts: Column<User> = {
    head: <span className="sr-only">{t("common.actions")}</span>,
    cell: (user) => (
      <span className="flex justify-end gap-1">
        <Button size="sm" onClick={() => onEdit(user)} data-testid="user-edit">
          {t("common.edit")}
        </Button>
        {user.id !== me.user && (
          <ConfirmButton
            label={t("common.remove")}
            question={t("users.removeQuestion", { name: user.name })}
            onConfirm={() => remove.mutate(user.id)}
          />
        )}
      </span>
    ),
  };
  return (
    <Card title={t("users.members")} flush>
      <Loaded query={users}>
        {(rows) => (
          <Table
            caption={t("users.members")}
            columns={may ? [...columns, acts] : columns}
            rows={rows}
            rowKey={(user) => user.id}
            rowTestId="user-row"
          />
        )}
      </Loaded>
    </Card>
  );
}

function Invited() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const may = useMay()("users:write");
  const roleName = useRoleName();
  const revoke = useRemoval("/users/invites");
  const invites = useQuery({
    queryKey: ["users", "invites"],
    queryFn: ({ signal }) => all<Invite>("/users/invites", signal),
  });
  const columns: Column<Invite>[] = [
    { head: t("common.name"), cell: (invite) => invite.name, className: "font-medium" },
    { head: t("users.email"), cell: (invite) => invite.email },
    { head: t("users.role"), cell: (invite) => roleName(invite.role) },
    {
      head: t("users.expires"),
      cell: (invite) => dateTime(invite.expires_at_ms, i18n.language, me.time_zone),
    },
    {
      head: <span className="sr-only">{t("common.actions")}</span>,
      cell: (invite) =>
        may && (
          <ConfirmButton
            label={t("users.revoke")}
            question={t("users.revokeQuestion", { name: invite.name })}
            onConfirm={() => revoke.mutate(invite.id)}
          />
        ),
    },
  ];
  return (
    <Card title={t("users.pending")} flush>
      <Loaded query={invites}>
        {(rows) => (
          <Table
            caption={t("users.pending")}
            columns={columns}
            rows={rows}
            rowKey={(one) => one.id}
            empty={<EmptyState title={t("users.noInvites")} />}
          />
        )}
      </Loaded>
    </Card>
  );
}

