import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { post } from "@/api/client";
import { useServerForm } from "@/api/form";
import { email, z } from "@/api/schema";
import { Button, Field, Input, Notice } from "@/components/ui";
import { AccountCard } from "./account-card";

const schema = z.object({ email });

export function ForgotPage() {
  const { t } = useTranslation();
  const [sent, setSent] = useState(false);
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { email: "" },
    submit: async (values) => {
      await post("/password/forgot", values);
      setSent(true);
    },
  });
  const below = (
    <Link to="/login" className="font-medium text-accent underline">
      {t("login.title")}
    </Link>
  );
  return (
    <AccountCard title={t("forgot.title")} lead={t("forgot.lead")} below={below}>
      {sent ? (
        <Notice tone="ok">{t("forgot.sent")}</Notice>
      ) : (
        <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3.5">
          {problem && <Notice tone="bad">{problem}</Notice>}
          <Field label={t("signup.email")} error={errorOf("email")} required>
            <Input {...register("email")} type="email" autoComplete="username" />
          </Field>
          <Button type="submit" look="primary" size="lg" busy={busy} data-testid="forgot-submit">
            {t("forgot.submit")}
          </Button>
        </form>
      )}
    </AccountCard>
  );
}
