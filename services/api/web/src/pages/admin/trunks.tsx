import { useTranslation } from "react-i18next";
import type { Trunk } from "@/api/types";
import { SipAddress } from "@/components/sip-address";
import { Badge, Card, type Column, Copyable } from "@/components/ui";
import { Documents } from "./documents";
import { TrunkForm } from "./trunk-form";

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
