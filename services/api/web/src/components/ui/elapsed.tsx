import { useNow } from "@/format/clock";
import { span } from "@/format/format";

/** A time that runs since an instant. */
export function Elapsed({ since, testId }: { since: number; testId?: string }) {
  const now = useNow();
  return (
    <span className="tabular-nums" data-testid={testId}>
      {span(now - since)}
    </span>
  );
}

/** A time that runs out at an instant. */
export function Remaining({ until }: { until: number }) {
  const now = useNow();
  return <span className="tabular-nums">{span(until - now + 999)}</span>;
}
