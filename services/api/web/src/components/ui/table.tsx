import clsx from "clsx";
import type { ComponentProps, Key, ReactNode } from "react";

/** A table; on a narrow window each row is a card with the heads beside the cells. */
export type Column<Row> = {
  head: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Figures stand right and align by their digits. */
  figure?: boolean;
  /** `data-testid` of the cells. */
  testId?: string;
  className?: string;
};

type Props<Row> = {
  /** Says what the table is, to those who do not see it. */
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => Key;
  rowTestId?: string;
  rowClass?: (row: Row) => string | undefined;
  /** What else a row is, such as draggable; whatever it does by pointer a menu in it does too. */
  rowProps?: (row: Row) => ComponentProps<"tr">;
  foot?: Row;
  empty?: ReactNode;
};

const CELL =
  "px-3 py-2 align-middle first:pl-4 last:pr-4 max-sm:flex max-sm:items-baseline max-sm:justify-between max-sm:gap-3 max-sm:px-4 max-sm:py-1";

export function Table<Row>({ caption, columns, rows, rowKey, rowTestId, rowClass, rowProps, foot, empty }: Props<Row>) {
  if (rows.length === 0 && empty) return empty;
  const cells = (row: Row) =>
    columns.map((column, index) => (
      <td
        key={index}
        data-testid={column.testId}
        className={clsx(CELL, column.figure && "text-right tabular-nums", column.className)}
      >
        <span aria-hidden className="shrink-0 text-xs text-muted sm:hidden">
          {column.head}
        </span>
        {/* The head and the cell stand at the two sides of a card's line. */}
        <div className="min-w-0 max-sm:text-right max-sm:empty:hidden">{column.cell(row)}</div>
      </td>
    ));
  return (
    // A region that scrolls is reached by keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="relative overflow-x-auto" role="region" aria-label={caption} tabIndex={0}>
      <table className="w-full border-collapse text-sm max-sm:block">
        <caption className="sr-only">{caption}</caption>
        <thead className="max-sm:sr-only">
          <tr className="border-b border-line text-left text-xs text-muted">
            {columns.map((column, index) => (
              <th
                key={index}
                scope="col"
                className={clsx("px-3 py-2 align-bottom font-medium first:pl-4 last:pr-4", column.figure && "text-right")}
              >
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="max-sm:block">
          {rows.map((row) => (
            <tr
              {...rowProps?.(row)}
              key={rowKey(row)}
              data-testid={rowTestId}
              className={clsx(
                "border-b border-line last:border-0 hover:bg-sunken/60 max-sm:block max-sm:py-2",
                rowClass?.(row),
              )}
            >
              {cells(row)}
            </tr>
          ))}
        </tbody>
        {foot !== undefined && (
          <tfoot className="max-sm:block">
            <tr className="border-t-2 border-line font-semibold max-sm:block max-sm:py-2">{cells(foot)}</tr>
          </tfoot>
        )}
      </table>
    </div>
  );
}
