import { Link, type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useProblemText } from "@/api/words";
import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/empty-state";
import { Notice } from "@/components/ui/notice";

/** A page that could not be shown, with a way on. */
export function LoadFailed({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation();
  const words = useProblemText();
  const router = useRouter();
  const again = () => {
    reset();
    void router.invalidate();
  };
  return (
    <main className="mx-auto max-w-xl p-6">
      <Notice tone="bad">{words(error)}</Notice>
      <Button className="mt-3" onClick={again}>
        {t("common.retry")}
      </Button>
    </main>
  );
}

export function NotFound() {
  const { t } = useTranslation();
  return (
    <EmptyState title={t("common.notFound")}>
      <Link to="/" className="text-accent underline">
        {t("common.toHome")}
      </Link>
    </EmptyState>
  );
}
