import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import type en from "./en";

export const LANGUAGES = { en: "English", ro: "Română", ru: "Русский" } as const;
export type Language = keyof typeof LANGUAGES;

const STORED = "trunkline.language";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
    returnNull: false;
  }
}

export const isLanguage = (text: unknown): text is Language => typeof text === "string" && text in LANGUAGES;

const loaders: Record<Language, () => Promise<{ default: object }>> = {
  en: () => import("./en"),
  ro: () => import("./ro"),
  ru: () => import("./ru"),
};

/** Chosen here before, else the browser's, else English. */
export function preferredLanguage(): Language {
  const wanted = [localStorage.getItem(STORED), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wanted.find(isLanguage) ?? "en";
}

export async function setLanguage(language: Language, remember = true) {
  if (!i18next.hasResourceBundle(language, "translation")) {
    const loaded = await loaders[language]();
    i18next.addResourceBundle(language, "translation", loaded.default);
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  if (remember) localStorage.setItem(STORED, language);
}

export async function startLanguages() {
  await i18next.use(initReactI18next).init({
    resources: {},
    fallbackLng: false,
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  await setLanguage(preferredLanguage(), false);
}
