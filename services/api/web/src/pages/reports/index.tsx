import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { useMe, useNames } from "@/api/queries";
import type { Report, ReportRow } from "@/api/figures";
import { useProblemText } from "@/api/words";
import { Button, Card, EmptyState, Field, Input, Loaded, Notice, Page, Select, Table } from "@/components/ui";
import { serverNow } from "@/format/clock";
import { dateTime, localInput } from "@/format/format";
import { balanceOf, differences } from "./balance";
import { DEFINED, useFigureColumns } from "./figures";
import { WaitSpread } from "./waits";

const DAY_MS = 86_400_000;
const INTERVALS = { whole: 0, quarter: 900_000, hour: 3_600_000, day: DAY_MS } as const;
type Interval = keyof typeof INTERVALS;
type By = "queue" | "agent" | "did";

type Period = { from: number; to: number; by: By; interval: Interval };

const queryOf = ({ from, to, by, interval }: Period) =>
  `from=${from}&to=${to}&by=${by}&interval_ms=${INTERVALS[interval]}`;

/** Today, to the end of the day. */
function today(): Period {
  const from = new Date().setHours(0, 0, 0, 0);
  return { from, to: from + DAY_MS, by: "queue", interval: "whole" };
}

export function ReportsPage() {
  const { t } = useTranslation();
  const [period, setPeriod] = useState(today);
  const report = useQuery({
    queryKey: ["reports", period],
    queryFn: () => get<Report>(`/reports?${queryOf(period)}`),
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
  return (
    <Page title={t("nav.reports")} lead={t("reports.lead")}>
      <Card>
        <Choice
          period={period}
          onShow={(next) => {
            setPeriod(next);
            void report.refetch();
          }}
          busy={report.isFetching}
        />
      </Card>
      <Loaded query={report}>{(found) => <Figures key={queryOf(period)} report={found} period={period} />}</Loaded>
      <Definitions />
    </Page>
  );
}

type ChoiceProps = { period: Period; onShow: (period: Period) => void; busy: boolean };

function Choice({ period, onShow, busy }: ChoiceProps) {
  const { t } = useTranslation();
  const [wanted, setWanted] = useState(period);
  const set = (part: Partial<Period>) => setWanted({ ...wanted, ...part });
  const show = (event: FormEvent) => {
    event.preventDefault();
    onShow(wanted);
  };
  return (
    <form onSubmit={show} className="grid items-end gap-3 sm:grid-cols-2 lg:grid-cols-[1fr_1fr_1fr_1fr_auto]">
      <Field label={t("reports.from")}>
        <Input
          type="datetime-local"
          required
          value={localInput(wanted.from)}
          onChange={(event) => event.target.value && set({ from: new Date(event.target.value).getTime() })}
        />
      </Field>
      <Field label={t("reports.to")}>
        <Input
          type="datetime-local"
          required
          value={localInput(wanted.to)}
          onChange={(event) => event.target.value && set({ to: new Date(event.target.value).getTime() })}
        />
      </Field>
      <Field label={t("reports.by")}>
        <Select
          value={wanted.by}
          onChange={(event) => set({ by: event.target.value as By })}
          data-testid="report-by"
        >
          <option value="queue">{t("reports.byQueue")}</option>
          <option value="agent">{t("reports.byAgent")}</option>
          <option value="did">{t("reports.byDid")}</option>
        </Select>
      </Field>
      <Field label={t("reports.interval")}>
        <Select
          value={wanted.interval}
          onChange={(event) => set({ interval: event.target.value as Interval })}
        >
          {(Object.keys(INTERVALS) as Interval[]).map((name) => (
            <option key={name} value={name}>
              {t(`reports.${name}`)}
            </option>
          ))}
        </Select>
      </Field>
      <Button type="submit" look="primary" busy={busy} data-testid="report-show">
        {t("reports.show")}
      </Button>
    </form>
  );
}

function Figures({ report, period }: { report: Report; period: Period }) {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const names = useNames();
  const figures = useFigureColumns(period.by);
  const at = (ms: number) => dateTime(ms, i18n.language, me.time_zone);
  const nameOf = (row: ReportRow) => {
    if (row === report.total) return t("reports.total");
    return period.by === "did" ? names.did(row.key) : names[period.by](row.key);
  };
  const columns = [
    { head: t(BY_TITLES[period.by]), cell: nameOf, className: "font-medium whitespace-nowrap" },
    ...(period.interval === "whole"
      ? []
      : [
          {
            head: t("reports.at"),
            cell: (row: ReportRow) => (row === report.total ? "" : at(row.from_ms)),
            className: "whitespace-nowrap",
          },
        ]),
    ...figures,
  ];
  return (
    <>
      <Card
        flush
        title={<span className="font-normal text-muted">{t("reports.asOf", { at: at(report.as_of_ms) })}</span>}
        actions={<Recount report={report} period={period} />}
      >
        <Table
          caption={t("reports.caption")}
          columns={columns}
          rows={report.rows}
          rowKey={(row) => `${row.key} ${row.from_ms}`}
          rowTestId="report-row"
          foot={report.total ?? undefined}
          empty={<EmptyState title={t("reports.none")} />}
        />
      </Card>
      <Balance report={report} />
      {report.total && report.total.waits.length > 0 && <WaitSpread steps={report.total.waits} />}
    </>
  );
}

const BY_TITLES = { queue: "reports.byQueue", agent: "reports.byAgent", did: "reports.byDid" } as const;

function Balance({ report }: { report: Report }) {
  const { t } = useTranslation();
  if (report.rows.length === 0) return null;
  const wrong = report.rows.map((row) => balanceOf(row.figures)).find((balance) => !balance.holds);
  const shown = wrong ?? (report.total && balanceOf(report.total.figures));
  if (!shown) return null;
  const { offered, ended, inProgress } = shown;
  return (
    <Notice tone={shown.holds ? "ok" : "bad"} testId="report-balance">
      {t(shown.holds ? "reports.balanced" : "reports.unbalanced", { offered, ended, inProgress })}
    </Notice>
  );
}

/** Facts may arrive between the two; then both are asked for again. */
const COMPARED_MAX = 3;

/** The period up to this moment from the projections and from the log. */
async function compared(period: Period): Promise<string[]> {
  for (let attempt = 1; ; attempt += 1) {
    const query = queryOf({ ...period, to: Math.max(period.from + 1, Math.min(period.to, serverNow())) });
    const shown = await get<Report>(`/reports?${query}`);
    const anew = await get<Report>(`/reports/recount?${query}`);
    const same = JSON.stringify(shown.positions) === JSON.stringify(anew.positions);
    if (same || attempt === COMPARED_MAX) return differences(shown, anew);
  }
}

/** Asks for the same period counted anew, and compares figure by figure. */
function Recount({ report, period }: { report: Report; period: Period }) {
  const { t } = useTranslation();
  const words = useProblemText();
  const recount = useMutation({
    mutationFn: () => compared(period),
  });
  return (
    <div className="flex flex-wrap items-center justify-end gap-x-3 gap-y-1" aria-live="polite">
      {recount.error && <span className="text-sm text-bad">{words(recount.error)}</span>}
      {recount.data && (
        <span
          className={`text-sm ${recount.data.length === 0 ? "text-ok" : "text-bad"}`}
          data-testid="recount-result"
          data-differences={recount.data.length}
        >
          {recount.data.length === 0
            ? t("reports.recounted")
            : `${t("reports.differs", { count: recount.data.length })} ${recount.data.slice(0, 5).join(", ")}`}
        </span>
      )}
      <Button
        size="sm"
        busy={recount.isPending}
        disabled={report.rows.length === 0}
        onClick={() => recount.mutate()}
        data-testid="report-recount"
      >
        {t("reports.recount")}
      </Button>
    </div>
  );
}

function Definitions() {
  const { t } = useTranslation();
  return (
    <Card title={t("reports.definitions")}>
      <dl data-testid="report-definitions" className="grid gap-x-6 gap-y-2 text-sm md:grid-cols-2">
        {DEFINED.map((figure) => (
          <div key={figure}>
            <dt className="inline font-medium">{t(`figure.${figure}`)}: </dt>
            <dd className="inline text-muted">{t(`definition.${figure}`)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
