import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { post } from "@/api/client";
import { useMay, useNames } from "@/api/queries";
import type { Alert } from "@/api/figures";
import { useProblemText } from "@/api/words";
import { Button, Elapsed, Notice, toast } from "@/components/ui";
import { useMeasured } from "./measure";

/** Thresholds that are crossed, and who looks after each. */
export function AlertBanner({ alerts }: { alerts: Alert[] }) {
  const { t } = useTranslation();
  const names = useNames();
  const measured = useMeasured();
  const words = useProblemText();
  const may = useMay()("supervise");
  const acknowledge = useMutation({
    mutationFn: (id: string) => post<Alert>(`/alerts/${encodeURIComponent(id)}/acknowledgement`),
    onError: (error) => toast("bad", words(error)),
  });
  return alerts.map((alert) => (
    <Notice key={alert.id} tone={alert.acknowledged ? "warn" : "bad"} testId="alert">
      <div className="flex flex-wrap items-center justify-between gap-x-3 gap-y-1">
        <p className="min-w-0">
          <span className="font-semibold">
            {names.queue(alert.queue)}: {alert.name}
          </span>{" "}
          {t(`threshold.${alert.measure}`)} {measured(alert.measure, alert.value)} (
          {t("threshold.limit", { at: measured(alert.measure, alert.at) })}) · <Elapsed since={alert.raised_at_ms} />
        </p>
        {alert.acknowledged ? (
          <span data-testid="alert-by">{t("threshold.by", { name: alert.acknowledged.name })}</span>
        ) : (
          may && (
            <Button
              size="sm"
              busy={acknowledge.isPending && acknowledge.variables === alert.id}
              onClick={() => acknowledge.mutate(alert.id)}
              data-testid="alert-acknowledge"
            >
              {t("threshold.acknowledge")}
            </Button>
          )
        )}
      </div>
    </Notice>
  ));
}
