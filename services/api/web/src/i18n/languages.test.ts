import { describe, expect, it } from "vitest";
import en from "./en";
import ro from "./ro";
import ru from "./ru";

type Texts = { [key: string]: string | Texts };

const PLURAL = /_(zero|one|two|few|many|other)$/;

function flat(texts: Texts, prefix = ""): [string, string][] {
  return Object.entries(texts).flatMap(([key, value]): [string, string][] =>
    typeof value === "string" ? [[prefix + key, value]] : flat(value, `${prefix}${key}.`),
  );
}

const languages = { en, ro, ru } as unknown as Record<string, Texts>;
const bases = (texts: Texts) => new Set(flat(texts).map(([key]) => key.replace(PLURAL, "")));
const holes = (text: string) => [...text.matchAll(/{{\s*(\w+)/g)].map((match) => match[1]).toSorted();

describe.each(Object.keys(languages))("the texts in %s", (language) => {
  const texts = languages[language] as Texts;
  const own = new Map(flat(texts));

  it("are the same set as the English ones", () => {
    expect([...bases(texts)].toSorted()).toEqual([...bases(languages.en as Texts)].toSorted());
  });

  it("have every plural form that the language knows, and no other", () => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted();
    const counted = new Set([...own.keys()].filter((key) => PLURAL.test(key)).map((key) => key.replace(PLURAL, "")));
    for (const base of counted) {
      const found = [...own.keys()].filter((key) => key.replace(PLURAL, "") === base && PLURAL.test(key));
      expect(found.map((key) => key.split("_").at(-1)).toSorted(), base).toEqual(forms);
    }
  });

  it("leave nothing empty and fill the same holes", () => {
    const english = new Map(flat(languages.en as Texts));
    for (const [key, text] of own) {
      expect(text.trim(), key).not.toBe("");
      const model = english.get(key) ?? english.get(key.replace(PLURAL, "_other"));
      expect(holes(text), key).toEqual(holes(model ?? ""));
    }
  });
});
