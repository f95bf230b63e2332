import { useTranslation } from "react-i18next";
import { Select } from "@/components/ui";
import { LANGUAGES, isLanguage, setLanguage } from "@/i18n";

export function LanguageSelect() {
  const { t, i18n } = useTranslation();
  return (
    <Select
      aria-label={t("shell.language")}
      value={i18n.language}
      onChange={(event) => {
        if (isLanguage(event.target.value)) void setLanguage(event.target.value);
      }}
    >
      <LanguageOptions />
    </Select>
  );
}

/** The languages, each by its own name. */
export function LanguageOptions() {
  return Object.entries(LANGUAGES).map(([code, name]) => (
    <option key={code} value={code}>
      {name}
    </option>
  ));
}
