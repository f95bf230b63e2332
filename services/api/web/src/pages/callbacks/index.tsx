import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { useMay } from "@/api/queries";
import type { Callback, List, MissedCall } from "@/api/types";
import { Button, Card, type Column, EmptyState, Loaded, Page, Select, Table } from "@/components/ui";
import { MyCallbacks } from "./mine";
import { useMissedColumns, useTaskColumns } from "./tasks";

const VIEWS = ["due", "closed", "calls", "overdue"] as const;
type View = (typeof VIEWS)[number];

/** Callers who did not get through, and who calls them back. */
export function CallbacksPage() {
  const { t } = useTranslation();
  const may = useMay();
  const [view, setView] = useState<View>("due");
  const choice = (
    <Select
      aria-label={t("callbacks.view")}
      value={view}
      onChange={(event) => setView(VIEWS.find((one) => one === event.target.value) ?? "due")}
      data-testid="callbacks-view"
    >
      {VIEWS.map((one) => (
        <option key={one} value={one}>
          {t(`callbacks.${one}`)}
        </option>
      ))}
    </Select>
  );
  return (
    <Page title={t("nav.callbacks")} lead={t("callbacks.lead")} actions={choice}>
      {may("desk") && <MyCallbacks />}
      {view === "due" || view === "closed" ? <Tasks key={view} closed={view === "closed"} /> : <Missed key={view} overdue={view === "overdue"} />}
    </Page>
  );
}

function Tasks({ closed }: { closed: boolean }) {
  const { t } = useTranslation();
  return (
    <Rows<Callback>
      path={`/callbacks?state=${closed ? "closed" : ""}`}
      caption={t("callbacks.caption")}
      columns={useTaskColumns()}
      rowKey={(task) => task.id}
      rowTestId="callback-row"
      none={t(closed ? "callbacks.noneClosed" : "callbacks.none")}
    />
  );
}

function Missed({ overdue }: { overdue: boolean }) {
  const { t } = useTranslation();
  return (
    <Rows<MissedCall>
      path={`/missed-calls?overdue=${overdue}`}
      caption={t("callbacks.callsCaption")}
      columns={useMissedColumns()}
      rowKey={(call) => call.call}
      rowTestId="missed-row"
      none={t("callbacks.noCalls")}
    />
  );
}

type RowsProps<Row> = {
  path: string;
  caption: string;
  columns: Column<Row>[];
  rowKey: (row: Row) => string;
  rowTestId: string;
  none: string;
};

function Rows<Row>({ path, none, ...table }: RowsProps<Row>) {
  const { t } = useTranslation();
  const rows = useInfiniteQuery({
    queryKey: ["callbacks", "list", path],
    initialPageParam: "",
    queryFn: ({ pageParam }) => get<List<Row>>(`${path}&limit=50&cursor=${encodeURIComponent(pageParam)}`),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: 10_000,
  });
  return (
    <>
      <Card flush>
        <Loaded query={rows}>
          {({ pages }) => (
            <Table {...table} rows={pages.flatMap((page) => page.items)} empty={<EmptyState title={none} />} />
          )}
        </Loaded>
      </Card>
      {rows.hasNextPage && (
        <Button className="self-center" busy={rows.isFetchingNextPage} onClick={() => rows.fetchNextPage()}>
          {t("common.more")}
        </Button>
      )}
    </>
  );
}
