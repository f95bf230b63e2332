import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useProblemText } from "@/api/words";
import { Button } from "./button";
import { Notice } from "./notice";

type Query<T> = { data: T | undefined; error: unknown; isPending: boolean; refetch: () => unknown };

/** Shows what was asked for, that it is on its way, or why it does not come. */
export function Loaded<T>({ query, children }: { query: Query<T>; children: (value: T) => ReactNode }) {
  const { t } = useTranslation();
  const words = useProblemText();
  if (query.data !== undefined) return children(query.data);
  if (query.error) {
    return (
      <Notice tone="bad">
        <p>{words(query.error)}</p>
        <Button size="sm" className="mt-2" onClick={() => query.refetch()}>
          {t("common.retry")}
        </Button>
      </Notice>
    );
  }
  return <Waiting />;
}

export function Waiting() {
  const { t } = useTranslation();
  return (
    <p role="status" className="animate-pulse py-8 text-center text-sm text-muted">
      {t("common.loading")}
    </p>
  );
}
