import { useMutation } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { post } from "@/api/client";
import { meQuery, queryClient } from "@/api/queries";
import { useProblemText } from "@/api/words";
import { Button, Notice } from "@/components/ui";
import { AccountCard } from "./account-card";

/** Asks for a click: mail scanners open links, and must not use them up. */
export function VerifyPage() {
  const { t } = useTranslation();
  const words = useProblemText();
  const { token } = useParams({ from: "/account/verify/$token" });
  const confirm = useMutation({
    mutationFn: () => post("/email/verify", { token }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: meQuery.queryKey }),
  });
  const below = (
    <Link to="/" className="font-medium text-accent underline">
      {t("common.toHome")}
    </Link>
  );
  return (
    <AccountCard title={t("verify.title")} below={below}>
      <div className="flex flex-col gap-3.5">
        {confirm.error && <Notice tone="bad">{words(confirm.error)}</Notice>}
        {confirm.isSuccess ? (
          <Notice tone="ok">{t("verify.done")}</Notice>
        ) : (
          <Button
            look="primary"
            size="lg"
            busy={confirm.isPending}
            onClick={() => confirm.mutate()}
            data-testid="verify-submit"
          >
            {t("verify.submit")}
          </Button>
        )}
      </div>
    </AccountCard>
  );
}
