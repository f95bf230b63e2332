/** The English texts in a language with these plural forms: a missing key fails the type check, and so does a spare one. */
type In<Texts, Forms extends string> = {
  [Key in keyof Texts as Key extends `${infer Counted}_one` ? `${Counted}_${Forms}` : Key]: Texts[Key] extends string
    ? string
    : In<Texts[Key], Forms>;
};

export type Romanian<Texts> = In<Texts, "one" | "few" | "other">;
export type Russian<Texts> = In<Texts, "one" | "few" | "many" | "other">;
