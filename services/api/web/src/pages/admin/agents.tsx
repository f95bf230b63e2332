import { Controller } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { required, z } from "@/api/schema";
import type { Agent } from "@/api/types";
import { SipAddress } from "@/components/sip-address";
import { Button, Checkbox, type Column, Copyable, Field, Input } from "@/components/ui";
import { secret } from "@/format/secret";
import { DocumentForm, Documents, useDocumentForm } from "./documents";
import { SkillBadges, SkillLevels } from "./skill-levels";

export function AgentsPage() {
  const { t } = useTranslation();
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
  ];
  return (
    <Documents
      of="agents"
      testId="agent"
      columns={columns}
      name={(agent) => agent.name}
      deletes={false}
      form={(agent, done) => agent && <AgentForm agent={agent} onDone={done} />}
    />
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
  const editing = useDocumentForm<Agent, z.infer<typeof schema>>({
    of: "agents",
    document: agent,
    schema,
    defaults: {
      name: agent.name,
      skills: agent.skills,
      phone: Boolean(agent.phone),
      username: agent.phone?.username ?? `phone-${secret(8).toLowerCase()}`,
      password: agent.phone?.password ?? secret(24),
    },
    body: ({ name, skills, phone, username, password }) => ({
      name,
      skills,
      phone: phone ? { username, password } : null,
    }),
    onDone,
  });
  const { form, register, errorOf } = editing;
  const phone = form.watch("phone");
  return (
    <DocumentForm form={editing} onCancel={onDone}>
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
          <SipAddress />
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
