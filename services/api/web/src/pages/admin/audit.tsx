import { useInfiniteQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { useMe } from "@/api/queries";
import type { AuditEntry, List } from "@/api/types";
import { Button, Card, type Column, EmptyState, Field, Input, Loaded, Page, Select, Table } from "@/components/ui";
import { dateTime } from "@/format/format";

const ACTIONS = ["config.", "user.", "invite.", "session.", "api_key.", "webhook.", "recording.", "supervisor.", "audit."] as const;

export function AuditPage() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const [action, setAction] = useState("");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const query = new URLSearchParams();
  if (action) query.set("action", action);
  if (from) query.set("from_ms", String(new Date(from).getTime()));
  // The last day counts whole.
  if (to) query.set("to_ms", String(new Date(to).getTime() + 86_400_000));
  const entries = useInfiniteQuery({
    queryKey: ["audit", query.toString()],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      get<List<AuditEntry>>(`/audit?${query}&limit=100&cursor=${encodeURIComponent(pageParam)}`),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const columns: Column<AuditEntry>[] = [
    { head: t("audit.at"), cell: (one) => dateTime(one.at_ms, i18n.language, me.time_zone), className: "whitespace-nowrap" },
    { head: t("audit.actor"), cell: (one) => one.actor_name ?? one.actor },
    { head: t("audit.action"), cell: (one) => <code className="font-mono text-xs">{one.action}</code> },
    { head: t("audit.subject"), cell: (one) => <code className="font-mono text-xs break-all">{one.subject}</code> },
    { head: t("audit.detail"), cell: (one) => <Detail of={one.detail} /> },
  ];
  return (
    <Page
      title={t("nav.audit")}
      lead={t("audit.lead")}
      actions={
        <Button asChild>
          <a href={`/v1/audit/export?${query}`} download data-testid="audit-export">
            <Download aria-hidden className="size-4" />
            {t("audit.export")}
          </a>
        </Button>
      }
    >
      <Card>
        <div className="grid gap-3 sm:grid-cols-3">
          <Field label={t("audit.action")}>
            <Select value={action} onChange={(event) => setAction(event.target.value)} data-testid="audit-action">
              <option value="">{t("audit.all")}</option>
              {ACTIONS.map((one) => (
                <option key={one} value={one}>
                  {t(`audit.kind.${one.slice(0, -1) as "user"}`)}
                </option>
              ))}
            </Select>
          </Field>
          <Field label={t("reports.from")}>
            <Input type="date" value={from} onChange={(event) => setFrom(event.target.value)} />
          </Field>
          <Field label={t("reports.to")}>
            <Input type="date" value={to} onChange={(event) => setTo(event.target.value)} />
          </Field>
        </div>
      </Card>
      <Card flush>
        <Loaded query={entries}>
          {({ pages }) => (
            <Table
              caption={t("nav.audit")}
              columns={columns}
              rows={pages.flatMap((page) => page.items)}
              rowKey={(one) => one.id}
              rowTestId="audit-row"
              empty={<EmptyState title={t("audit.none")} />}
            />
          )}
        </Loaded>
      </Card>
      {entries.hasNextPage && (
        <Button className="self-center" busy={entries.isFetchingNextPage} onClick={() => entries.fetchNextPage()}>
          {t("common.more")}
        </Button>
      )}
    </Page>
  );
}

/** Names first; the rest as it is. */
function Detail({ of }: { of: Record<string, unknown> }) {
  const { name, ...rest } = of;
  const others = Object.keys(rest).length > 0 ? JSON.stringify(rest) : "";
  return (
    <span className="flex flex-wrap gap-x-2">
      {typeof name === "string" && name && <span>{name}</span>}
      {others && <code className="font-mono text-xs break-all text-muted">{others}</code>}
    </span>
  );
}
