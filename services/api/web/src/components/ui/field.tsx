import clsx from "clsx";
import { type ReactNode, createContext, use, useId } from "react";

type Ids = { id: string; describedBy?: string; invalid: boolean; required: boolean };

const FieldIds = createContext<Ids | null>(null);

/** What an input inside a field takes over: its id, and where its hint and error stand. */
export function useFieldIds() {
  const ids = use(FieldIds);
  if (!ids) return {};
  return {
    id: ids.id,
    "aria-describedby": ids.describedBy,
    "aria-invalid": ids.invalid || undefined,
    "aria-required": ids.required || undefined,
  };
}

type Props = {
  label: ReactNode;
  hint?: ReactNode;
  error?: string;
  required?: boolean;
  className?: string;
  children: ReactNode;
};

export function Field({ label, hint, error, required = false, className, children }: Props) {
  const id = useId();
  const about = error ? `${id}-error` : hint ? `${id}-hint` : undefined;
  return (
    <div className={clsx("flex min-w-0 flex-col gap-1", className)}>
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <FieldIds value={{ id, describedBy: about, invalid: Boolean(error), required }}>
        {children}
      </FieldIds>
      {hint && !error && (
        <p id={`${id}-hint`} className="text-xs text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} role="alert" className="text-xs font-medium text-bad">
          {error}
        </p>
      )}
    </div>
  );
}
