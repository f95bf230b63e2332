import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { post } from "@/api/client";
import { useServerForm } from "@/api/form";
import { password, z } from "@/api/schema";
import { Button, Field, Input, Notice } from "@/components/ui";
import { AccountCard } from "./account-card";

const schema = z.object({ password });

export function ResetPage() {
  const { t } = useTranslation();
  const { token } = useParams({ from: "/account/reset/$token" });
  const [done, setDone] = useState(false);
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { password: "" },
    submit: async (values) => {
      await post("/password/reset", { token, ...values });
      setDone(true);
    },
  });
  const below = (
    <Link to="/login" className="font-medium text-accent underline">
      {t("login.title")}
    </Link>
  );
  return (
    <AccountCard title={t("reset.title")} below={below}>
      {done ? (
        <Notice tone="ok">{t("reset.done")}</Notice>
      ) : (
        <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3.5">
          {problem && <Notice tone="bad">{problem}</Notice>}
          <Field label={t("reset.password")} hint={t("form.password")} error={errorOf("password")} required>
            <Input {...register("password")} type="password" autoComplete="new-password" />
          </Field>
          <Button type="submit" look="primary" size="lg" busy={busy} data-testid="reset-submit">
            {t("reset.submit")}
          </Button>
        </form>
      )}
    </AccountCard>
  );
}
