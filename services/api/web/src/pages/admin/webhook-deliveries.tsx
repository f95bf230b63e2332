import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get, post } from "@/api/client";
import { useMe } from "@/api/queries";
import { DELIVERY_STATES, type List, type Webhook, type WebhookDelivery } from "@/api/types";
import { useProblemText } from "@/api/words";
import { Badge, Button, Card, type Column, EmptyState, Loaded, Select, Table, type Tone, toast } from "@/components/ui";
import { dateTime } from "@/format/format";

const TONES: Record<WebhookDelivery["state"], Tone> = {
  waiting: "warn",
  delivered: "ok",
  given_up: "bad",
  dropped: "bad",
};

/** What was sent to a receiver, newest first. */
export function Deliveries({ of }: { of: Webhook }) {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const [state, setState] = useState("");
  const deliveries = useInfiniteQuery({
    queryKey: ["webhooks", of.id, "deliveries", state],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      get<List<WebhookDelivery>>(`/webhooks/${of.id}/deliveries?limit=50&state=${state}&cursor=${pageParam}`),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: 3_000,
  });
  const at = (ms: number) => dateTime(ms, i18n.language, me.time_zone);
  const columns: Column<WebhookDelivery>[] = [
    { head: t("webhooks.at"), cell: (one) => at(one.at_ms), className: "whitespace-nowrap" },
    {
      head: t("webhooks.event"),
      cell: (one) => (
        <>
          <code className="block font-mono text-xs font-medium">{one.kind}</code>
          <code className="font-mono text-xs break-all text-muted">{one.event}</code>
        </>
      ),
    },
    {
      head: t("webhooks.state"),
      cell: (one) => <Badge tone={TONES[one.state]}>{t(`webhooks.delivery.${one.state}`)}</Badge>,
      testId: "delivery-state",
    },
    { head: t("webhooks.attempts"), cell: (one) => one.attempts, figure: true },
    { head: t("webhooks.answer"), cell: (one) => <Answer of={one} /> },
    { head: t("webhooks.next"), cell: (one) => (one.next_at_ms ? at(one.next_at_ms) : "—") },
    {
      head: <span className="sr-only">{t("common.actions")}</span>,
      cell: (one) => of.enabled && <Resend of={of} delivery={one} />,
    },
  ];
  const filter = (
    <Select
      aria-label={t("webhooks.state")}
      value={state}
      onChange={(event) => setState(event.target.value)}
      data-testid="delivery-filter"
    >
      <option value="">{t("webhooks.anyState")}</option>
      {DELIVERY_STATES.map((one) => (
        <option key={one} value={one}>
          {t(`webhooks.delivery.${one}`)}
        </option>
      ))}
    </Select>
  );
  return (
    <>
      <div className="flex items-center justify-between gap-3">
        <h2 className="text-base font-semibold">{t("webhooks.deliveries")}</h2>
        {filter}
      </div>
      <Card flush>
        <Loaded query={deliveries}>
          {({ pages }) => (
            <Table
              caption={t("webhooks.deliveries")}
              columns={columns}
              rows={pages.flatMap((page) => page.items)}
              rowKey={(one) => one.id}
              rowTestId="delivery-row"
              empty={<EmptyState title={t("webhooks.noDeliveries")} />}
            />
          )}
        </Loaded>
      </Card>
      {deliveries.hasNextPage && (
        <Button
          className="self-center"
          busy={deliveries.isFetchingNextPage}
          onClick={() => deliveries.fetchNextPage()}
        >
          {t("common.more")}
        </Button>
      )}
    </>
  );
}

function Answer({ of }: { of: WebhookDelivery }) {
  const { t } = useTranslation();
  if (of.tried_at_ms === null) return "—";
  const words = of.problem && t(`webhooks.problem.${of.problem}`);
  return (
    <span className="tabular-nums">
      {[of.status, words, `${of.took_ms} ms`].filter(Boolean).join(" · ")}
    </span>
  );
}

function Resend({ of, delivery }: { of: Webhook; delivery: WebhookDelivery }) {
  const { t } = useTranslation();
  const words = useProblemText();
  const client = useQueryClient();
  const resend = useMutation({
    mutationFn: () => post(`/webhooks/${of.id}/deliveries/${delivery.id}/resend`),
    onSettled: () => client.invalidateQueries({ queryKey: ["webhooks", of.id, "deliveries"] }),
    onError: (error) => toast("bad", words(error)),
  });
  return (
    <Button size="sm" busy={resend.isPending} onClick={() => resend.mutate()} data-testid="delivery-resend">
      {t("webhooks.resend")}
    </Button>
  );
}
