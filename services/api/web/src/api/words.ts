import { useTranslation } from "react-i18next";
import type en from "@/i18n/en";
import { type FieldError, type Params, Problem } from "./problem";

/** A text whose key the server chose. */
const say = (t: unknown, key: string, holes: object) => (t as (key: string, holes: object) => string)(key, holes);

type Kind = keyof typeof en.kind;

/** Says in the reader's words what went wrong; what has none keeps the server's. */
export function useProblemText() {
  const { t, i18n } = useTranslation();
  const holes = useHoles();
  return (error: unknown): string => {
    if (!(error instanceof Problem)) return t("problem.unknown");
    if (error.status === 0) return t("problem.unreachable");
    const key = `problem.code.${error.code}`;
    if (i18n.exists(key)) return say(t, key, holes(error.params));
    return sentence(error.detail) || error.title || t("problem.unknown");
  };
}

/** The same of one field. */
export function useFaultText() {
  const { t, i18n } = useTranslation();
  const holes = useHoles();
  return ({ code, message, params = {} }: FieldError): string => {
    const key = `fault.${code}`;
    return code && i18n.exists(key) ? say(t, key, holes(params)) : sentence(message);
  };
}

/** Kinds of documents have names of their own; everything else stands as it is. */
function useHoles() {
  const { t, i18n } = useTranslation();
  const kind = (text = "") => (i18n.exists(`kind.${text}`) ? t(`kind.${text as Kind}`) : text);
  return (params: Params) => ({ ...params, kind: kind(params.kind), byKind: kind(params.by_kind), byName: params.by_name });
}

/** The server writes in lower case without a full stop. */
export function sentence(text: string) {
  const isId = /^[a-z]+_/.test(text);
  return text && !isId ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
