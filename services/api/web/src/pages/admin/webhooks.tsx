import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { all } from "@/api/client";
import { useMe } from "@/api/queries";
import type { Webhook } from "@/api/types";
import { Badge, Button, Card, type Column, Dialog, EmptyState, Loaded, Page, Table } from "@/components/ui";
import { dateTime } from "@/format/format";
import { SigningSecret, WebhookForm } from "./webhook-form";

export function WebhooksPage() {
  const { t } = useTranslation();
  const webhooks = useQuery({ queryKey: ["webhooks"], queryFn: ({ signal }) => all<Webhook>("/webhooks", signal) });
  const [adding, setAdding] = useState(false);
  const [secret, setSecret] = useState("");
  const columns: Column<Webhook>[] = [
    {
      head: t("common.name"),
      cell: (one) => (
        <Link
          to="/webhooks/$id"
          params={{ id: one.id }}
          className="font-medium underline decoration-line-strong underline-offset-2"
          data-testid="webhook-open"
        >
          {one.name}
        </Link>
      ),
    },
    { head: t("webhooks.url"), cell: (one) => <code className="font-mono text-xs break-all">{one.url}</code> },
    { head: t("webhooks.kinds"), cell: (one) => t("webhooks.kindCount", { count: one.kinds.length }) },
    { head: t("webhooks.state"), cell: (one) => <WebhookState of={one} /> },
  ];
  const add = (
    <Button look="primary" onClick={() => setAdding(true)} data-testid="webhook-new">
      <Plus aria-hidden className="size-4" />
      {t("webhooks.new")}
    </Button>
  );
  const close = () => {
    setAdding(false);
    setSecret("");
  };
  return (
    <Page title={t("nav.webhooks")} lead={t("webhooks.lead")} actions={add}>
      <Card flush>
        <Loaded query={webhooks}>
          {(rows) => (
            <Table
              caption={t("nav.webhooks")}
              columns={columns}
              rows={rows}
              rowKey={(one) => one.id}
              rowTestId="webhook-row"
              empty={<EmptyState title={t("webhooks.none")} />}
            />
          )}
        </Loaded>
      </Card>
      <Dialog open={adding} onClose={close} title={t("webhooks.new")}>
        {secret ? (
          <SigningSecret secret={secret} onClose={close} />
        ) : (
          <WebhookForm webhook={null} onCancel={close} onDone={setSecret} />
        )}
      </Dialog>
    </Page>
  );
}

export function WebhookState({ of }: { of: Webhook }) {
  const { t, i18n } = useTranslation();
  const me = useMe();
  if (!of.enabled) return <Badge tone={of.disabled_because === "asked" ? "neutral" : "bad"}>{t("webhooks.off")}</Badge>;
  if (of.failing_since_ms === null) return <Badge tone="ok">{t("webhooks.works")}</Badge>;
  const at = dateTime(of.failing_since_ms, i18n.language, me.time_zone);
  return (
    <Badge tone="warn" className="!h-auto py-0.5 !whitespace-normal">
      {t("webhooks.failing", { at })}
    </Badge>
  );
}
