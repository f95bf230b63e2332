import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { post } from "@/api/client";
import { useServerForm } from "@/api/form";
import { meQuery, queryClient, signedIn } from "@/api/queries";
import { digits, email, password, required, z } from "@/api/schema";
import type { Me } from "@/api/types";
import { LanguageOptions } from "@/components/shell/language";
import { Button, Field, Input, Notice, Select } from "@/components/ui";
import { countryCodeOf } from "@/format/countries";
import { isLanguage, setLanguage } from "@/i18n";
import { AccountCard } from "./account-card";

const schema = z.object({
  company: required,
  name: required,
  email,
  password,
  time_zone: required,
  language: z.string(),
  country_code: digits,
});

export function SignUpPage() {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: {
      company: "",
      name: "",
      email: "",
      password: "",
      time_zone: zone,
      language: i18n.language,
      country_code: countryCodeOf(zone),
    },
    words: { 409: t("signup.taken") },
    submit: async (values) => {
      const me = signedIn(await post<Me>("/signup", values));
      queryClient.setQueryData(meQuery.queryKey, me);
      if (isLanguage(values.language)) await setLanguage(values.language);
      await navigate({ to: "/" });
    },
  });
  const below = (
    <>
      {t("signup.haveAccount")}{" "}
      <Link to="/login" className="font-medium text-accent underline">
        {t("login.title")}
      </Link>
    </>
  );
  return (
    <AccountCard title={t("signup.title")} lead={t("signup.lead")} below={below}>
      <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3.5">
        {problem && <Notice tone="bad">{problem}</Notice>}
        <Field label={t("signup.company")} error={errorOf("company")} required>
          <Input {...register("company")} autoComplete="organization" />
        </Field>
        <Field label={t("signup.name")} error={errorOf("name")} required>
          <Input {...register("name")} autoComplete="name" />
        </Field>
        <Field label={t("signup.email")} error={errorOf("email")} required>
          <Input {...register("email")} type="email" autoComplete="email" />
        </Field>
        <Field label={t("signup.password")} hint={t("form.password")} error={errorOf("password")} required>
          <Input {...register("password")} type="password" autoComplete="new-password" />
        </Field>
        <Field label={t("signup.timeZone")} error={errorOf("time_zone")}>
          <Select {...register("time_zone")}>
            {[...new Set([zone, "UTC", ...Intl.supportedValuesOf("timeZone")])].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
        </Field>
        <div className="grid grid-cols-2 items-start gap-3">
          <Field label={t("signup.language")} error={errorOf("language")}>
            <Select {...register("language")}>
            <LanguageOptions />
            </Select>
          </Field>
          <Field
            label={t("signup.countryCode")}
            hint={t("signup.countryCodeHint")}
            error={errorOf("country_code")}
          >
            <Input {...register("country_code")} inputMode="numeric" maxLength={3} />
          </Field>
        </div>
        <Button type="submit" look="primary" size="lg" busy={busy} data-testid="signup-submit">
          {t("signup.submit")}
        </Button>
      </form>
    </AccountCard>
  );
}
