import { zodResolver } from "@hookform/resolvers/zod";
import { useState } from "react";
import { type DefaultValues, type FieldPath, type FieldValues, useForm } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { type ZodType, config } from "zod";
import { Problem } from "./problem";
import { useFaultText, useProblemText } from "./words";

// The content security policy allows no code made at run time.
config({ jitless: true });

/** Messages of the schemas: keys below `form.` in the texts. */
export type FormMessage = "required" | "email" | "password" | "digits" | "number" | "e164";

export type FormOptions<Values extends FieldValues> = {
  schema: ZodType<Values, Values>;
  defaults: DefaultValues<Values>;
  /** Sends the form; a `Problem` that it throws goes to its fields. */
  submit: (values: Values) => Promise<unknown>;
  /** Own words for what this form's readers meet often; by HTTP status. */
  words?: Partial<Record<number, string>>;
};

/** A form whose mistakes, found here or by the server, stand at their fields. */
export function useServerForm<Values extends FieldValues>(options: FormOptions<Values>) {
  const { schema, defaults, submit } = options;
  const { t } = useTranslation();
  const words = useProblemText();
  const faultWords = useFaultText();
  const [problem, setProblem] = useState("");
  const form = useForm<Values>({ resolver: zodResolver(schema), defaultValues: defaults });
  const { errors, isSubmitting } = form.formState;

  const refused = (error: unknown, values: Values) => {
    const rest: string[] = [];
    if (error instanceof Problem) {
      for (const fault of error.errors) {
        const { place } = fault;
        const message = faultWords(fault);
        // The innermost name that the form knows: `auth.addresses[0]` is its field `addresses`.
        const field = place.split(/[.[\]]+/).findLast((name) => name in values);
        if (field) form.setError(field as FieldPath<Values>, { message });
        else rest.push(`${place} ${message}`.trim());
      }
      const own = options.words?.[error.status] ?? words(error);
      setProblem(error.errors.length > 0 ? rest.join(". ") : own);
      return;
    }
    setProblem(words(error));
  };

  const onSubmit = form.handleSubmit(async (values) => {
    setProblem("");
    try {
      await submit(values);
    } catch (error) {
      refused(error, values);
    }
  });

  /** The mistake at a field, in words. */
  const errorOf = (name: FieldPath<Values>): string | undefined => {
    const message = form.getFieldState(name, form.formState).error?.message;
    if (!message) return undefined;
    return isMessage(message) ? t(`form.${message}`) : message;
  };

  return { form, register: form.register, onSubmit, errorOf, problem, busy: isSubmitting, errors };
}

const MESSAGES: FormMessage[] = ["required", "email", "password", "digits", "number", "e164"];
const isMessage = (text: string): text is FormMessage => (MESSAGES as string[]).includes(text);
