import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Field, TextArea } from "@/components/ui";

const place = (call: string) => `trunkline.note.${call}`;

/** What was written during a call is still there in wrap-up, and after a reload. */
export const draftOf = (call: string) => sessionStorage.getItem(place(call)) ?? "";
export const dropDraft = (call: string) => sessionStorage.removeItem(place(call));

export function NoteField({ call }: { call: string }) {
  const { t } = useTranslation();
  const [text, setText] = useState(() => draftOf(call));
  return (
    <Field label={t("desk.note")}>
      <TextArea
        value={text}
        maxLength={4_000}
        data-testid="wrapup-note"
        onChange={(event) => {
          setText(event.target.value);
          sessionStorage.setItem(place(call), event.target.value);
        }}
      />
    </Field>
  );
}
