import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get, post, request } from "@/api/client";
import { useMe } from "@/api/queries";
import type { Webhook, WebhookWithSecret } from "@/api/types";
import { useProblemText } from "@/api/words";
import { Badge, Button, Card, ConfirmButton, Dialog, Loaded, Notice, Page, toast } from "@/components/ui";
import { dateTime } from "@/format/format";
import { Facts } from "../desk/facts";
import { Deliveries } from "./webhook-deliveries";
import { SigningSecret, WebhookForm } from "./webhook-form";
import { ReplayForm } from "./webhook-replay";
import { WebhookState } from "./webhooks";

export function WebhookPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/shell/webhooks/$id" });
  const webhook = useQuery({
    queryKey: ["webhooks", id],
    queryFn: () => get<Webhook>(`/webhooks/${encodeURIComponent(id)}`),
    refetchInterval: 5_000,
  });
  return (
    <Page
      title={webhook.data?.name ?? t("nav.webhooks")}
      lead={webhook.data?.url}
      actions={webhook.data && <Actions of={webhook.data} />}
    >
      <Loaded query={webhook}>
        {(found) => (
          <>
            {found.disabled_because && (
              <Notice tone={found.disabled_because === "asked" ? "info" : "bad"} testId="webhook-off">
                {t(`webhooks.because.${found.disabled_because}`)}
              </Notice>
            )}
            <About of={found} />
            <Deliveries of={found} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function About({ of }: { of: Webhook }) {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const at = (ms: number) => dateTime(ms, i18n.language, me.time_zone);
  const kinds = (
    <span key="k" className="flex flex-wrap gap-1">
      {of.kinds.map((kind) => (
        <Badge key={kind} className="font-mono">
          {kind}
        </Badge>
      ))}
    </span>
  );
  return (
    <Card>
      <Facts
        facts={[
          [t("webhooks.state"), <WebhookState key="s" of={of} />],
          [t("apiKeys.created"), at(of.created_at_ms)],
          [t("webhooks.kinds"), kinds],
        ]}
      />
      {of.old_secret_until_ms !== null && (
        <p className="mt-3 text-sm text-muted">{t("webhooks.bothSign", { at: at(of.old_secret_until_ms) })}</p>
      )}
    </Card>
  );
}

type Open = "edit" | "replay" | "secret" | null;

function Actions({ of }: { of: Webhook }) {
  const { t } = useTranslation();
  const words = useProblemText();
  const client = useQueryClient();
  const go = useNavigate();
  const [open, setOpen] = useState<Open>(null);
  const [secret, setSecret] = useState("");
  const settled = {
    onSettled: () => client.invalidateQueries({ queryKey: ["webhooks"] }),
    onError: (error: unknown) => toast("bad", words(error)),
  };
  const path = `/webhooks/${of.id}`;
  const test = useMutation({
    mutationFn: () => post(`${path}/test`),
    ...settled,
    onSuccess: () => toast("ok", t("webhooks.tested")),
  });
  const turn = useMutation({
    mutationFn: () => {
      const { name, url, kinds } = of;
      return request("PUT", path, { body: { name, url, kinds, enabled: !of.enabled } });
    },
    ...settled,
  });
  const rotate = useMutation({
    mutationFn: () => post<WebhookWithSecret>(`${path}/secret`),
    ...settled,
    onSuccess: (made) => {
      setSecret(made.secret);
      setOpen("secret");
    },
  });
  const remove = useMutation({
    mutationFn: () => request("DELETE", path),
    ...settled,
    onSuccess: () => go({ to: "/webhooks" }),
  });
  const close = () => setOpen(null);
  return (
    <>
      <Button onClick={() => test.mutate()} busy={test.isPending} disabled={!of.enabled} data-testid="webhook-test">
        {t("webhooks.test")}
      </Button>
      <Button onClick={() => setOpen("replay")} disabled={!of.enabled} data-testid="webhook-replay">
        {t("webhooks.replay")}
      </Button>
      <Button onClick={() => turn.mutate()} busy={turn.isPending} data-testid="webhook-turn">
        {of.enabled ? t("webhooks.switchOff") : t("webhooks.switchOn")}
      </Button>
      <Button onClick={() => setOpen("edit")}>{t("common.edit")}</Button>
      <ConfirmButton
        label={t("webhooks.rotate")}
        question={t("webhooks.rotateQuestion")}
        busy={rotate.isPending}
        onConfirm={() => rotate.mutate()}
      />
      <ConfirmButton
        label={t("common.delete")}
        question={t("common.deleteQuestion", { name: of.name })}
        busy={remove.isPending}
        onConfirm={() => remove.mutate()}
      />
      <Dialog open={open === "edit"} onClose={close} title={t("common.editTitle", { name: of.name })}>
        <WebhookForm webhook={of} onCancel={close} onDone={close} />
      </Dialog>
      <Dialog open={open === "secret"} onClose={close} title={t("webhooks.rotate")}>
        <SigningSecret secret={secret} onClose={close} />
      </Dialog>
      <Dialog
        open={open === "replay"}
        onClose={close}
        title={t("webhooks.replay")}
        description={t("webhooks.replayLead")}
      >
        <ReplayForm of={of} onDone={close} />
      </Dialog>
    </>
  );
}
