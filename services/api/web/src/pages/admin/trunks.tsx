import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useServerForm } from "@/api/form";
import { documents, useMay, useSave } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { Trunk } from "@/api/types";
import {
  Badge,
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
  Select,
  Table,
  TextArea,
  toast,
} from "@/components/ui";
import { secret } from "@/format/secret";
import { DeleteButton, DocumentForm, RowActions } from "./editor";

export function TrunksPage() {
  const { t } = useTranslation();
  const may = useMay()("config:write");
  const trunks = useQuery(documents<Trunk>("trunks"));
  const [edited, setEdited] = useState<Trunk | "new" | null>(null);
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
    {
      head: <span className="sr-only">{t("common.actions")}</span>,
      cell: (trunk) =>
        may && (
          <RowActions onEdit={() => setEdited(trunk)}>
            <DeleteButton of="trunks" id={trunk.id} name={trunk.name} />
          </RowActions>
        ),
    },
  ];
  const add = may && (
    <Button look="primary" onClick={() => setEdited("new")} data-testid="trunk-new">
      <Plus aria-hidden className="size-4" />
      {t("trunks.new")}
    </Button>
  );
  const close = () => setEdited(null);
  return (
    <Page title={t("nav.trunks")} lead={t("trunks.lead")} actions={add}>
      <Card flush>
        <Loaded query={trunks}>
          {(rows) => (
            <Table
              caption={t("nav.trunks")}
              columns={columns}
              rows={rows}
              rowKey={(trunk) => trunk.id}
              rowTestId="trunk-row"
              empty={<EmptyState title={t("trunks.none")} />}
            />
          )}
        </Loaded>
      </Card>
      <Dialog
        open={edited !== null}
        onClose={close}
        title={edited && edited !== "new" ? t("trunks.edit", { name: edited.name }) : t("trunks.new")}
      >
        {edited && <TrunkForm trunk={edited === "new" ? null : edited} onDone={close} />}
      </Dialog>
    </Page>
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
  const save = useSave<Trunk>("trunks");
  const digest = trunk?.auth.type === "digest" ? trunk.auth : null;
  const { form, register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: {
      name: trunk?.name ?? "",
      type: trunk?.auth.type ?? ("ip" as "ip" | "digest"),
      addresses: trunk?.auth.type === "ip" ? trunk.auth.addresses.join("\n") : "",
      username: digest?.username ?? `trunk-${secret(8).toLowerCase()}`,
      password: digest?.password ?? secret(24),
      enabled: trunk?.enabled ?? true,
    },
    submit: async ({ name, enabled, type, addresses, username, password }) => {
      const list = addresses.split(/[\s,]+/).filter(Boolean);
      const auth = type === "ip" ? { type, addresses: list } : { type, username, password };
      await save.mutateAsync({ id: trunk?.id, version: trunk?.version, body: { name, enabled, auth } });
      toast("ok", t("common.saved"));
      onDone();
    },
  });
  const ip = form.watch("type") === "ip";
  return (
    <DocumentForm onSubmit={onSubmit} onCancel={onDone} problem={problem} busy={busy}>
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
