import { useTranslation } from "react-i18next";
import { Problem } from "./problem";

/** Says in words what went wrong; the details are the server's own. */
export function useProblemText() {
  const { t } = useTranslation();
  return (error: unknown): string => {
    if (!(error instanceof Problem)) return t("problem.unknown");
    switch (error.status) {
      case 0:
        return t("problem.unreachable");
      case 401:
        return sentence(error.detail) || t("problem.signedOut");
      case 412:
        return t("problem.changedMeanwhile");
      case 429:
        return `${t("problem.tooMany")} ${sentence(error.detail)}`.trim();
      default:
        return sentence(error.detail) || error.title || t("problem.unknown");
    }
  };
}

/** The server writes in lower case without a full stop. */
export function sentence(text: string) {
  const isId = /^[a-z]+_/.test(text);
  return text && !isId ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
