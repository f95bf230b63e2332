import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Controller } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { useServerForm } from "@/api/form";
import { documents, useMay, useSave } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { Agent } from "@/api/types";
import {
  Button,
  Card,
  Checkbox,
  type Column,
  Copyable,
  Dialog,
  EmptyState,
  Field,
  Input,
  Loaded,
  Page,
  Table,
  toast,
} from "@/components/ui";
import { secret } from "@/format/secret";
import { DocumentForm, RowActions } from "./editor";
import { SkillBadges, SkillLevels } from "./skill-levels";

export function AgentsPage() {
  const { t } = useTranslation();
  const may = useMay()("config:write");
  const agents = useQuery(documents<Agent>("agents"));
  const [edited, setEdited] = useState<Agent | null>(null);
  const columns: Column<Agent>[] = [
    { head: t("common.name"), cell: (agent) => agent.name, className: "font-medium" },
    { head: t("agents.skills"), cell: (agent) => <SkillBadges skills={agent.skills} /> },
    {
      head: t("agents.phone"),
      cell: ({ phone }) =>
        phone ? (
          <span className="flex flex-wrap gap-2">
            <Copyable value={phone.username} />
            {phone.password && <Copyable value={phone.password} />}
          </span>
        ) : (
          <span className="text-muted">{t("agents.noPhone")}</span>
        ),
    },
    {
      head: <span className="sr-only">{t("common.actions")}</span>,
      cell: (agent) => may && <RowActions onEdit={() => setEdited(agent)} />,
    },
  ];
  const close = () => setEdited(null);
  return (
    <Page title={t("nav.agents")} lead={t("agents.lead")}>
      <Card flush>
        <Loaded query={agents}>
          {(rows) => (
            <Table
              caption={t("nav.agents")}
              columns={columns}
              rows={rows}
              rowKey={(agent) => agent.id}
              rowTestId="agent-row"
              empty={<EmptyState title={t("agents.none")} />}
            />
          )}
        </Loaded>
      </Card>
      <Dialog
        open={edited !== null}
        onClose={close}
        title={t("agents.edit", { name: edited?.name ?? "" })}
      >
        {edited && <AgentForm agent={edited} onDone={close} />}
      </Dialog>
    </Page>
  );
}

const schema = z.object({
  name: required,
  skills: z.array(z.object({ name: z.string(), level: z.number() })),
  phone: z.boolean(),
  username: z.string(),
  password: z.string(),
});

function AgentForm({ agent, onDone }: { agent: Agent; onDone: () => void }) {
  const { t } = useTranslation();
  const save = useSave<Agent>("agents");
  const { form, register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: {
      name: agent.name,
      skills: agent.skills,
      phone: Boolean(agent.phone),
      username: agent.phone?.username ?? `phone-${secret(8).toLowerCase()}`,
      password: agent.phone?.password ?? secret(24),
    },
    submit: async ({ name, skills, phone, username, password }) => {
      const body = { name, skills, user: agent.user, phone: phone ? { username, password } : null };
      await save.mutateAsync({ id: agent.id, version: agent.version, body });
      toast("ok", t("common.saved"));
      onDone();
    },
  });
  const phone = form.watch("phone");
  return (
    <DocumentForm onSubmit={onSubmit} onCancel={onDone} problem={problem} busy={busy}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} />
      </Field>
      <Controller
        control={form.control}
        name="skills"
        render={({ field }) => (
          <SkillLevels
            label={t("agents.skills")}
            value={field.value}
            onChange={field.onChange}
            error={errorOf("skills")}
          />
        )}
      />
      <Checkbox label={t("agents.givePhone")} {...register("phone")} data-testid="agent-phone" />
      {phone && (
        <div className="flex flex-col gap-3 rounded-md bg-sunken p-3">
          <p className="text-xs text-muted">{t("agents.phoneHint")}</p>
          <Field label={t("trunks.username")} error={errorOf("username")}>
            <Input {...register("username")} autoComplete="off" data-testid="agent-phone-username" />
          </Field>
          <Field label={t("trunks.password")} error={errorOf("password")}>
            <Input
              {...register("password")}
              autoComplete="off"
              className="font-mono"
              data-testid="agent-phone-password"
            />
          </Field>
          <Button size="sm" className="self-start" onClick={() => form.setValue("password", secret(24))}>
            {t("agents.newPassword")}
          </Button>
        </div>
      )}
    </DocumentForm>
  );
}
