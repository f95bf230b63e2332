import { useTranslation } from "react-i18next";
import { required, z } from "@/api/schema";
import type { Trunk } from "@/api/types";
import { SipAddress } from "@/components/sip-address";
import { Badge, Card, Checkbox, type Column, Copyable, Field, Input, Select, TextArea } from "@/components/ui";
import { secret } from "@/format/secret";
import { DocumentForm, Documents, useDocumentForm } from "./documents";

export function TrunksPage() {
  const { t } = useTranslation();
  const columns: Column<Trunk>[] = [
    { head: t("common.name"), cell: (trunk) => trunk.name, className: "font-medium" },
    { head: t("trunks.auth"), cell: (trunk) => <Recognised trunk={trunk} /> },
    {
      head: t("trunks.status"),
      cell: (trunk) => (
        <Badge tone={trunk.enabled ? "ok" : "neutral"}>
          {t(trunk.enabled ? "trunks.enabled" : "trunks.disabled")}
        </Badge>
      ),
    },
  ];
  return (
    <Documents
      of="trunks"
      testId="trunk"
      add={t("trunks.new")}
      columns={columns}
      name={(trunk) => trunk.name}
      form={(trunk, done) => <TrunkForm trunk={trunk} onDone={done} />}
    >
      <Card title={t("sip.title")}>
        <p className="mb-2 text-sm text-muted">{t("sip.trunkHint")}</p>
        <SipAddress />
      </Card>
    </Documents>
  );
}

function Recognised({ trunk: { auth } }: { trunk: Trunk }) {
  if (auth.type === "ip") return <code className="font-mono text-xs">{auth.addresses.join(", ")}</code>;
  return (
    <span className="flex flex-wrap gap-2">
      <Copyable value={auth.username} />
      {auth.password && <Copyable value={auth.password} />}
    </span>
  );
}

const schema = z.object({
  name: required,
  type: z.enum(["ip", "digest"]),
  addresses: z.string(),
  username: z.string(),
  password: z.string(),
  enabled: z.boolean(),
});

function TrunkForm({ trunk, onDone }: { trunk: Trunk | null; onDone: () => void }) {
  const { t } = useTranslation();
  const digest = trunk?.auth.type === "digest" ? trunk.auth : null;
  const editing = useDocumentForm<Trunk, z.infer<typeof schema>>({
    of: "trunks",
    document: trunk,
    schema,
    defaults: {
      name: trunk?.name ?? "",
      type: trunk?.auth.type ?? "ip",
      addresses: trunk?.auth.type === "ip" ? trunk.auth.addresses.join("\n") : "",
      username: digest?.username ?? `trunk-${secret(8).toLowerCase()}`,
      password: digest?.password ?? secret(24),
      enabled: trunk?.enabled ?? true,
    },
    body: ({ name, enabled, type, addresses, username, password }) => {
      const list = addresses.split(/[\s,]+/).filter(Boolean);
      return { name, enabled, auth: type === "ip" ? { type, addresses: list } : { type, username, password } };
    },
    onDone,
  });
  const { register, errorOf } = editing;
  const ip = editing.form.watch("type") === "ip";
  return (
    <DocumentForm form={editing} onCancel={onDone}>
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
    </DocumentForm>
  );
}
