import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { digits, figure, required, z } from "@/api/schema";
import type { Outbound, Trunk } from "@/api/types";
import { Checkbox, Field, Input, Select, TextArea } from "@/components/ui";
import { secret } from "@/format/secret";
import { DocumentForm, useDocumentForm } from "./documents";
import { gatewaysOf, linesOf } from "./trunk-lines";
import presets from "./trunk-presets.json";

/** Nothing, or a figure. */
const limit = (most: number) => z.union([z.literal(""), figure(most)]);

const schema = z.object({
  name: required,
  type: z.enum(["ip", "digest"]),
  addresses: z.string(),
  username: z.string(),
  password: z.string(),
  enabled: z.boolean(),
  caller: z.enum(["asserted", "from"]),
  calls_per_second: limit(1000),
  country: digits,
  national_prefix: z.string().trim(),
  international_prefix: z.string().trim(),
  calls_out: z.boolean(),
  gateways: z.string(),
  registered: z.boolean(),
  register: z.boolean(),
  our_name: z.string().trim(),
  our_password: z.string(),
  caller_id: z.string().trim(),
  presentation: z.enum(["asserted", "from", "hidden"]),
  number_format: z.enum(["e164", "digits", "national"]),
  prefixes: z.string(),
  calls_max: figure(10_000),
  emergency: z.boolean(),
});

type Values = z.infer<typeof schema>;

const listOf = (text: string) => text.split(/[\s,]+/).filter(Boolean);

/** What the form shows of a trunk, or of a new one. */
function valuesOf(trunk: Trunk | null): Values {
  const digest = trunk?.auth.type === "digest" ? trunk.auth : null;
  const out = trunk?.outbound;
  return {
    name: trunk?.name ?? "",
    type: trunk?.auth.type ?? "ip",
    addresses: trunk?.auth.type === "ip" ? trunk.auth.addresses.join("\n") : "",
    username: digest?.username ?? `trunk-${secret(8).toLowerCase()}`,
    password: digest?.password ?? secret(24),
    enabled: trunk?.enabled ?? true,
    caller: trunk?.caller ?? "asserted",
    calls_per_second: trunk?.calls_per_second ? String(trunk.calls_per_second) : "",
    country: trunk?.numbers?.country ?? "",
    national_prefix: trunk?.numbers?.national_prefix ?? "0",
    international_prefix: trunk?.numbers?.international_prefix ?? "00",
    calls_out: !!out,
    gateways: linesOf(out?.gateways ?? []),
    registered: out?.registered ?? false,
    register: out?.register ?? false,
    our_name: out?.credentials?.username ?? "",
    our_password: out?.credentials?.password ?? "",
    caller_id: out?.caller_id ?? "",
    presentation: out?.presentation ?? "asserted",
    number_format: out?.number_format ?? "e164",
    prefixes: out?.prefixes.join(" ") ?? "",
    calls_max: String(out?.calls_max ?? 10),
    emergency: trunk?.emergency ?? false,
  };
}

function outboundOf(values: Values, before: Outbound | null | undefined): Outbound | null {
  if (!values.calls_out) return null;
  const { our_name: username, our_password: password } = values;
  return {
    // What this form does not show, such as who vouches for gateways, stays.
    ...before,
    gateways: gatewaysOf(values.gateways),
    credentials: username ? { username, password } : null,
    caller_id: values.caller_id || null,
    number_format: values.number_format,
    prefixes: listOf(values.prefixes),
    calls_max: Number(values.calls_max),
    register: values.register,
    presentation: values.presentation,
    registered: values.registered,
  };
}

function bodyOf(values: Values, trunk: Trunk | null): Partial<Trunk> {
  const { name, enabled, type, addresses, username, password, caller, country } = values;
  const { national_prefix, international_prefix } = values;
  return {
    name,
    enabled,
    caller,
    auth: type === "ip" ? { type, addresses: listOf(addresses) } : { type, username, password },
    calls_per_second: values.calls_per_second ? Number(values.calls_per_second) : null,
    numbers: country ? { country, national_prefix, international_prefix } : null,
    emergency: values.calls_out && values.emergency,
    outbound: outboundOf(values, trunk?.outbound),
  };
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="flex flex-col gap-3.5 border-t border-line pt-3">
      <legend className="pr-2 text-sm font-medium">{title}</legend>
      {children}
    </fieldset>
  );
}

export function TrunkForm({ trunk, onDone }: { trunk: Trunk | null; onDone: () => void }) {
  const { t } = useTranslation();
  const editing = useDocumentForm<Trunk, Values>({
    of: "trunks",
    document: trunk,
    schema,
    defaults: valuesOf(trunk),
    body: (values) => bodyOf(values, trunk),
    onDone,
  });
  const { register, errorOf, form } = editing;
  const [ip, callsOut, registered] = [
    form.watch("type") === "ip",
    form.watch("calls_out"),
    form.watch("registered"),
  ];
  const take = (id: string) => {
    const preset = presets.find((one) => one.id === id);
    if (!preset) return;
    const { auth, outbound, ...rest } = preset.trunk;
    form.setValue("type", auth.type as Values["type"]);
    form.setValue("calls_out", true);
    form.setValue("gateways", linesOf(outbound.gateways as Partial<Outbound["gateways"][number]>[]));
    form.setValue("register", "register" in outbound);
    form.setValue("registered", "registered" in outbound);
    if ("calls_max" in outbound) form.setValue("calls_max", String(outbound.calls_max));
    if ("calls_per_second" in rest) form.setValue("calls_per_second", String(rest.calls_per_second));
    if (preset.name && !form.getValues("name")) form.setValue("name", preset.name);
  };
  const word = { ip: "presetIp", registration: "presetRegistration", gsm: "presetGsm" } as const;
  return (
    <DocumentForm form={editing} onCancel={onDone}>
      {!trunk && (
        <Field label={t("trunks.preset")} hint={t("trunks.presetHint")}>
          <Select onChange={(event) => take(event.target.value)} data-testid="trunk-preset">
            <option value="">{t("trunks.presetNone")}</option>
            {presets.map(({ id, name }) => (
              <option key={id} value={id}>
                {name ?? t(`trunks.${word[id as keyof typeof word]}`)}
              </option>
            ))}
          </Select>
        </Field>
      )}
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="trunk-name" />
      </Field>
      <Field label={t("trunks.auth")}>
        <Select {...register("type")} data-testid="trunk-type">
          <option value="ip">{t("trunks.ip")}</option>
          <option value="digest">{t("trunks.digest")}</option>
        </Select>
      </Field>
      {ip ? (
        <Field label={t("trunks.addresses")} hint={t("trunks.addressesHint")} error={errorOf("addresses")}>
          <TextArea {...register("addresses")} className="font-mono text-xs" data-testid="trunk-addresses" />
        </Field>
      ) : (
        <>
          <Field label={t("trunks.username")} error={errorOf("username")}>
            <Input {...register("username")} autoComplete="off" />
          </Field>
          <Field label={t("trunks.password")} error={errorOf("password")}>
            <Input {...register("password")} autoComplete="off" className="font-mono" />
          </Field>
        </>
      )}
      <Checkbox label={t("trunks.enabled")} {...register("enabled")} />
      <Checkbox label={t("trunks.callsOut")} {...register("calls_out")} data-testid="trunk-calls-out" />
      {callsOut && (
        <Group title={t("trunks.outbound")}>
          <Field label={t("trunks.gateways")} hint={t("trunks.gatewaysHint")} error={errorOf("gateways")}>
            <TextArea {...register("gateways")} className="font-mono text-xs" data-testid="trunk-gateways" />
          </Field>
          {!ip && <Checkbox label={t("trunks.registered")} {...register("registered")} />}
          {ip && registered && <p className="text-sm text-muted">{t("trunks.registeredHint")}</p>}
          <Field label={t("trunks.ourName")} hint={t("trunks.ourNameHint")} error={errorOf("our_name")}>
            <Input {...register("our_name")} autoComplete="off" />
          </Field>
          <Field label={t("trunks.password")} error={errorOf("our_password")}>
            <Input {...register("our_password")} autoComplete="off" className="font-mono" />
          </Field>
          <Checkbox label={t("trunks.register")} {...register("register")} />
          <Field label={t("trunks.callerId")} hint={t("trunks.callerIdHint")} error={errorOf("caller_id")}>
            <Input {...register("caller_id")} inputMode="tel" />
          </Field>
          <Field label={t("trunks.presentation")}>
            <Select {...register("presentation")}>
              <option value="asserted">{t("trunks.presentationAsserted")}</option>
              <option value="from">{t("trunks.presentationFrom")}</option>
              <option value="hidden">{t("trunks.presentationHidden")}</option>
            </Select>
          </Field>
          <Field label={t("trunks.numberFormat")}>
            <Select {...register("number_format")}>
              <option value="e164">+40211234567</option>
              <option value="digits">40211234567</option>
              <option value="national">{t("trunks.formatNational")}</option>
            </Select>
          </Field>
          <Field label={t("trunks.prefixes")} hint={t("trunks.prefixesHint")} error={errorOf("prefixes")}>
            <Input {...register("prefixes")} inputMode="numeric" />
          </Field>
          <Field label={t("trunks.callsMax")} error={errorOf("calls_max")}>
            <Input {...register("calls_max")} inputMode="numeric" maxLength={5} />
          </Field>
          <Checkbox label={t("trunks.emergency")} {...register("emergency")} />
        </Group>
      )}
      <Group title={t("trunks.rules")}>
        <Field label={t("trunks.rate")} hint={t("trunks.rateHint")} error={errorOf("calls_per_second")}>
          <Input {...register("calls_per_second")} inputMode="numeric" maxLength={4} />
        </Field>
        <Field label={t("trunks.caller")}>
          <Select {...register("caller")}>
            <option value="asserted">{t("trunks.callerAsserted")}</option>
            <option value="from">{t("trunks.callerFrom")}</option>
          </Select>
        </Field>
        <Field label={t("trunks.country")} hint={t("trunks.countryHint")} error={errorOf("country")}>
          <Input {...register("country")} inputMode="numeric" maxLength={3} />
        </Field>
        <Field label={t("trunks.nationalPrefix")} error={errorOf("national_prefix")}>
          <Input {...register("national_prefix")} inputMode="numeric" maxLength={5} />
        </Field>
        <Field label={t("trunks.internationalPrefix")} error={errorOf("international_prefix")}>
          <Input {...register("international_prefix")} inputMode="numeric" maxLength={5} />
        </Field>
      </Group>
    </DocumentForm>
  );
}
