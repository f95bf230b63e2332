import { type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type Collection, useDelete } from "@/api/queries";
import { useProblemText } from "@/api/words";
import { Button, ConfirmButton, Notice, toast } from "@/components/ui";

type FormProps = {
  onSubmit: () => void;
  onCancel: () => void;
  problem: string;
  busy: boolean;
  children: ReactNode;
};

/** The frame of a document's form in a dialog. */
export function DocumentForm({ onSubmit, onCancel, problem, busy, children }: FormProps) {
  const { t } = useTranslation();
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3.5">
      {problem && <Notice tone="bad">{problem}</Notice>}
      {children}
      <div className="mt-1 flex justify-end gap-2">
        <Button onClick={onCancel}>{t("common.cancel")}</Button>
        <Button type="submit" look="primary" busy={busy} data-testid="document-save">
          {t("common.save")}
        </Button>
      </div>
    </form>
  );
}

/** Deletes a document, after a question. */
export function DeleteButton({ of, id, name }: { of: Collection; id: string; name: string }) {
  const { t } = useTranslation();
  const words = useProblemText();
  const remove = useDelete(of);
  const confirmed = () =>
    remove.mutate(id, {
      onSuccess: () => toast("ok", t("common.deleted")),
      onError: (error) => toast("bad", words(error)),
    });
  return (
    <ConfirmButton
      label={t("common.delete")}
      question={t("common.deleteQuestion", { name })}
      busy={remove.isPending}
      onConfirm={confirmed}
    />
  );
}

/** What one may do with a row. */
export function RowActions({ onEdit, children }: { onEdit?: () => void; children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <span className="flex justify-end gap-1">
      {onEdit && (
        <Button size="sm" onClick={onEdit}>
          {t("common.edit")}
        </Button>
      )}
      {children}
    </span>
  );
}
