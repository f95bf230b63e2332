import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { FieldValues } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { type FormOptions, useServerForm } from "@/api/form";
import { type Change, type Collection, documents, useDelete, useMay, useSave } from "@/api/queries";
import type { Permission, Stored } from "@/api/types";
import { useProblemText } from "@/api/words";
import {
  Button,
  Card,
  type Column,
  ConfirmButton,
  Dialog,
  EmptyState,
  Loaded,
  Notice,
  Page,
  Table,
  toast,
} from "@/components/ui";

type Form<T> = (document: T | null, onDone: () => void) => ReactNode;

type Props<T extends Stored> = {
  of: Collection;
  /** Begins the test ids: `trunk-new`, `trunk-row`. */
  testId: string;
  /** Lists them in another order; absent: as they come. */
  arrange?: (documents: T[]) => T[];
  columns: Column<T>[];
  /** Who may change them. */
  writes?: Permission;
  /** What people call a document. */
  name: (document: T) => string;
  /** The form for a new one (null) and for a change, in a dialog. */
  form?: Form<T>;
  /** The button that makes a new one; absent where they are made in another way. */
  add?: string;
  edits?: boolean;
  deletes?: boolean;
  /** Beside the heading. */
  actions?: ReactNode;
  /** Between heading and list. */
  children?: ReactNode;
};

/** A settings page: the documents of one kind, and the ways to make, change and delete them. */
export function Documents<T extends Stored>(props: Props<T>) {
  const { of, testId, columns, name, form, add, edits = true, deletes = true, actions, children } = props;
  const { t } = useTranslation();
  const may = useMay()(props.writes ?? "config:write");
  const list = useQuery(documents<T>(of));
  const [edited, setEdited] = useState<T | "new" | null>(null);
  const close = () => setEdited(null);
  const acts: Column<T> = {
    head: <span className="sr-only">{t("common.actions")}</span>,
    cell: (one) => (
      <span className="flex justify-end gap-1">
        {form && edits && (
          <Button size="sm" onClick={() => setEdited(one)} data-testid={`${testId}-edit`}>
            {t("common.edit")}
          </Button>
        )}
        {deletes && <DeleteButton of={of} id={one.id} name={name(one)} />}
      </span>
    ),
  };
  const adds = may && add && (
    <Button look="primary" onClick={() => setEdited("new")} data-testid={`${testId}-new`}>
      <Plus aria-hidden className="size-4" />
      {add}
    </Button>
  );
  const title = edited && edited !== "new" ? t("common.editTitle", { name: name(edited) }) : (add ?? "");
  return (
    <Page
      title={t(`nav.${of}`)}
      lead={t(`${of}.lead`)}
      actions={
        <>
          {actions}
          {adds}
        </>
      }
    >
      {children}
      <Card flush>
        <Loaded query={list}>
          {(rows) => (
            <Table
              caption={t(`nav.${of}`)}
              columns={may ? [...columns, acts] : columns}
              rows={props.arrange?.(rows) ?? rows}
              rowKey={(one) => one.id}
              rowTestId={`${testId}-row`}
              empty={<EmptyState title={t(`${of}.none`)} />}
            />
          )}
        </Loaded>
      </Card>
      <Dialog open={edited !== null} onClose={close} title={title}>
        {edited && form?.(edited === "new" ? null : edited, close)}
      </Dialog>
    </Page>
  );
}

/** Deletes a document after a question; what still needs it is named. */
function DeleteButton({ of, id, name }: { of: Collection; id: string; name: string }) {
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

type FormProps<T, Values extends FieldValues> = Pick<FormOptions<Values>, "schema" | "defaults"> & {
  of: Collection;
  /** Null: a new one. */
  document: T | null;
  /** From what was typed to what is saved. */
  body: (values: Values) => Partial<Change<T>["body"]>;
  /** After it was saved. */
  onDone: (saved: T) => void;
};

/** A document's form: saves the next version of what was opened. */
export function useDocumentForm<T extends Stored, Values extends FieldValues>(props: FormProps<T, Values>) {
  const { of, document, schema, defaults, body, onDone } = props;
  const { t } = useTranslation();
  const save = useSave<T>(of);
  return useServerForm<Values>({
    schema,
    defaults,
    submit: async (values) => {
      // What this form does not show stays as it is.
      const change = { ...document, ...body(values) } as Change<T>["body"];
      const saved = await save.mutateAsync({ id: document?.id, version: document?.version, body: change });
      toast("ok", t("common.saved"));
      onDone(saved);
    },
  });
}

type FrameProps = {
  form: { onSubmit: () => void; problem: string; busy: boolean };
  onCancel: () => void;
  children: ReactNode;
};

/** The frame of a form in a dialog. */
export function DocumentForm({ form: { onSubmit, problem, busy }, onCancel, children }: FrameProps) {
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
