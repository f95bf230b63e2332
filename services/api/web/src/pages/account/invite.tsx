import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { get, post } from "@/api/client";
import { useServerForm } from "@/api/form";
import { meQuery, queryClient, signedIn } from "@/api/queries";
import { password, required, z } from "@/api/schema";
import { type Me, isBuiltIn } from "@/api/types";
import { Button, Field, Input, Loaded, Notice } from "@/components/ui";
import { AccountCard } from "./account-card";

type Invitation = { company: string; email: string; name: string; role: string };

const schema = z.object({ name: required, password });

export function InvitePage() {
  const { t } = useTranslation();
  const { token } = useParams({ from: "/account/invite/$token" });
  const invitation = useQuery({
    queryKey: ["invite", token],
    queryFn: () => get<Invitation>(`/invites/${encodeURIComponent(token)}`),
  });
  return (
    <AccountCard title={t("invite.title")}>
      <Loaded query={invitation}>{(found) => <Accept token={token} invitation={found} />}</Loaded>
    </AccountCard>
  );
}

function Accept({ token, invitation }: { token: string; invitation: Invitation }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { name: invitation.name, password: "" },
    submit: async (values) => {
      const me = signedIn(await post<Me>(`/invites/${encodeURIComponent(token)}/accept`, values));
      queryClient.clear();
      queryClient.setQueryData(meQuery.queryKey, me);
      await navigate({ to: "/" });
    },
  });
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3.5">
      <p className="text-sm text-muted">
        {t("invite.lead", {
          company: invitation.company,
          role: isBuiltIn(invitation.role) ? t(`role.${invitation.role}`) : invitation.role,
          email: invitation.email,
        })}
      </p>
      {problem && <Notice tone="bad">{problem}</Notice>}
      <Field label={t("signup.name")} error={errorOf("name")} required>
        <Input {...register("name")} autoComplete="name" />
      </Field>
      <Field label={t("signup.password")} hint={t("form.password")} error={errorOf("password")} required>
        <Input {...register("password")} type="password" autoComplete="new-password" />
      </Field>
      <Button type="submit" look="primary" size="lg" busy={busy} data-testid="invite-submit">
        {t("invite.submit")}
      </Button>
    </form>
  );
}
