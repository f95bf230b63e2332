import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { get, request } from "@/api/client";
import { useServerForm } from "@/api/form";
import { meQuery, useMay } from "@/api/queries";
import { count, digits, required, z } from "@/api/schema";
import type { Company } from "@/api/types";
import { LanguageOptions } from "@/components/shell/language";
import { Button, Card, Checkbox, Field, Input, Loaded, Notice, Page, Select, TextArea, toast } from "@/components/ui";

export function CompanyPage() {
  const { t } = useTranslation();
  const company = useQuery({ queryKey: ["company"], queryFn: () => get<Company>("/company") });
  return (
    <Page title={t("nav.company")} lead={t("company.lead")}>
      <Loaded query={company}>
        {(found) => (
          <Card className="max-w-lg">
            <CompanyForm key={found.version} company={found} />
          </Card>
        )}
      </Loaded>
    </Page>
  );
}

const schema = z.object({
  name: required,
  time_zone: required,
  language: z.string(),
  country_code: digits,
  flow_networks: z.string(),
  listening_notice: z.boolean(),
  calls_max: count,
});
const lines = (text: string) =>
  text
    .split(/[\s,]+/)
    .filter(Boolean);

function CompanyForm({ company }: { company: Company }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const may = useMay()("config:write");
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: {
      name: company.name,
      time_zone: company.time_zone,
      language: company.language,
      country_code: company.country_code ?? "",
      flow_networks: (company.flow_networks ?? []).join("\n"),
      listening_notice: company.listening_notice,
      calls_max: company.calls_max ? String(company.calls_max) : "",
    },
    submit: async ({ country_code: code, flow_networks: networks, calls_max: calls, ...values }) => {
      const body = {
        ...values,
        country_code: code || null,
        flow_networks: lines(networks),
        calls_max: calls ? Number(calls) : null,
      };
      const saved = await request<Company>("PUT", "/company", { body, version: company.version });
      client.setQueryData(["company"], saved);
      await client.invalidateQueries({ queryKey: meQuery.queryKey });
      toast("ok", t("common.saved"));
    },
  });
  return (
    <form onSubmit={onSubmit} noValidate>
      <fieldset disabled={!may} className="flex flex-col gap-3.5">
        {problem && <Notice tone="bad">{problem}</Notice>}
        <Field label={t("signup.company")} error={errorOf("name")} required>
          <Input {...register("name")} />
        </Field>
        <Field label={t("signup.timeZone")} error={errorOf("time_zone")}>
          <Select {...register("time_zone")}>
            {[...new Set([company.time_zone, "UTC", ...Intl.supportedValuesOf("timeZone")])].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
        </Field>
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
        <Field
          label={t("company.networks")}
          hint={t("company.networksHint")}
          error={errorOf("flow_networks")}
        >
          <TextArea {...register("flow_networks")} rows={2} />
        </Field>
        <Field label={t("company.callsMax")} hint={t("company.callsMaxHint")} error={errorOf("calls_max")}>
          <Input {...register("calls_max")} inputMode="numeric" maxLength={5} />
        </Field>
        <Checkbox label={t("company.listeningNotice")} {...register("listening_notice")} />
        {may && (
          <Button type="submit" look="primary" busy={busy} className="self-end" data-testid="company-save">
            {t("common.save")}
          </Button>
        )}
      </fieldset>
    </form>
  );
}
