import { useTranslation } from "react-i18next";
import type { WaitStep } from "@/api/figures";
import { Card, type Column, Table } from "@/components/ui";
import { percent, span } from "@/format/format";

type Row = WaitStep & { from_ms: number; share: number; reached: number };

/** With the share of all in each step, and of those who were answered up to it. */
export function spreadOf(steps: WaitStep[]): Row[] {
  const total = steps.reduce((sum, step) => sum + step.answered + step.abandoned, 0);
  const answered = steps.reduce((sum, step) => sum + step.answered, 0);
  let so_far = 0;
  return steps.map((step, at) => {
    so_far += step.answered;
    return {
      ...step,
      from_ms: steps[at - 1]?.up_to_ms ?? 0,
      share: total > 0 ? (step.answered + step.abandoned) / total : 0,
      reached: answered > 0 ? so_far / answered : 0,
    };
  });
}

/** How long callers waited: each stands in one step. */
export function WaitSpread({ steps }: { steps: WaitStep[] }) {
  const { t, i18n } = useTranslation();
  const columns: Column<Row>[] = [
    {
      head: t("waits.wait"),
      cell: (row) =>
        row.up_to_ms === null
          ? t("waits.beyond", { from: span(row.from_ms) })
          : t("waits.upTo", { to: span(row.up_to_ms) }),
      className: "whitespace-nowrap font-medium",
    },
    { head: t("waits.answered"), figure: true, testId: "waits-answered", cell: (row) => row.answered },
    { head: t("waits.abandoned"), figure: true, testId: "waits-abandoned", cell: (row) => row.abandoned },
    { head: t("waits.reached"), figure: true, cell: (row) => percent(row.reached, i18n.language) },
    {
      head: t("waits.share"),
      className: "w-2/5 min-w-32",
      cell: (row) => (
        <span className="flex items-center gap-2">
          <span aria-hidden className="h-2 rounded-full bg-info" style={{ width: `${row.share * 100}%` }} />
          <span className="text-muted">{percent(row.share, i18n.language)}</span>
        </span>
      ),
    },
  ];
  return (
    <Card flush title={t("waits.title")} data-testid="waits">
      <Table
        caption={t("waits.title")}
        columns={columns}
        rows={spreadOf(steps)}
        rowKey={(row) => String(row.up_to_ms)}
        rowTestId="waits-row"
        empty={null}
      />
    </Card>
  );
}
