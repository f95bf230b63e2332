import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { documents, queryClient } from "@/api/queries";
import type { Named } from "@/api/types";
import { Button, Card, Field, Remaining, Select } from "@/components/ui";
import { desk } from "@/desk/desk";
import { NoteField, draftOf, dropDraft } from "./note";

/** After the call: what came of it. */
export function WrapUpCard({ call, until }: { call: string; until: number | null }) {
  const { t } = useTranslation();
  const dispositions = useQuery(documents<Named>("dispositions"));
  const [disposition, setDisposition] = useState("");
  const finish = (event: FormEvent) => {
    event.preventDefault();
    desk.finish(call, disposition || undefined, draftOf(call) || undefined);
    dropDraft(call);
    setTimeout(() => queryClient.invalidateQueries({ queryKey: ["calls"] }), 1_000);
  };
  const left = until !== null && (
    <span className="text-sm text-muted">
      {t("desk.left")}{" "}
      <span className="font-semibold text-ink">
        <Remaining until={until} />
      </span>
    </span>
  );
  return (
    <Card title={t("desk.wrapUp")} actions={left} data-testid="wrapup-card">
      <form onSubmit={finish} className="flex flex-col gap-3">
        <Field label={t("desk.disposition")}>
          <Select
            value={disposition}
            onChange={(event) => setDisposition(event.target.value)}
            data-testid="wrapup-disposition"
          >
            <option value="">{t("desk.chooseDisposition")}</option>
            {dispositions.data?.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </Select>
        </Field>
        <NoteField call={call} />
        <div className="flex justify-end">
          <Button type="submit" look="primary" data-testid="wrapup-finish">
            {t("desk.finish")}
          </Button>
        </div>
      </form>
    </Card>
  );
}
