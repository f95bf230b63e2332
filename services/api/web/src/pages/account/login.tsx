import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { post } from "@/api/client";
import { useServerForm } from "@/api/form";
import { Problem } from "@/api/problem";
import { meQuery, queryClient, signedIn } from "@/api/queries";
import { email, required, z } from "@/api/schema";
import type { Me } from "@/api/types";
import { Button, Field, Input, Notice } from "@/components/ui";
import { AccountCard } from "./account-card";

const schema = z.object({ email, password: required, code: z.string() });

export function LoginPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { next } = useSearch({ from: "/account/login" });
  const [second, setSecond] = useState(false);
  const asked = (error: unknown): never => {
    if (error instanceof Problem && error.code === "code_needed") setSecond(true);
    throw error;
  };
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { email: "", password: "", code: "" },
    submit: async (values) => {
      const me = signedIn(await post<Me>("/login", values).catch(asked));
      queryClient.clear();
      queryClient.setQueryData(meQuery.queryKey, me);
      await navigate({ href: next ?? "/" });
    },
  });
  const below = (
    <>
      {t("login.noAccount")}{" "}
      <Link to="/signup" className="font-medium text-accent underline">
        {t("signup.title")}
      </Link>
    </>
  );
  return (
    <AccountCard title={t("login.title")} below={below}>
      <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3.5">
        {problem && <Notice tone="bad">{problem}</Notice>}
        <Field label={t("signup.email")} error={errorOf("email")} required>
          <Input {...register("email")} type="email" autoComplete="username" />
        </Field>
        <Field label={t("signup.password")} error={errorOf("password")} required>
          <Input {...register("password")} type="password" autoComplete="current-password" />
        </Field>
        {second && (
          <Field label={t("account.code")} hint={t("login.codeHint")} error={errorOf("code")}>
            <Input {...register("code")} autoComplete="one-time-code" data-testid="login-code" />
          </Field>
        )}
        <Button type="submit" look="primary" size="lg" busy={busy} data-testid="login-submit">
          {t("login.submit")}
        </Button>
        <Link to="/forgot" className="text-center text-sm text-accent underline">
          {t("login.forgot")}
        </Link>
      </form>
    </AccountCard>
  );
}
