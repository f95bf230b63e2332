import { useQueryClient } from "@tanstack/react-query";
import { MessageSquareText, Upload } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { post, request } from "@/api/client";
import { useServerForm } from "@/api/form";
import { useMay } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { Prompt } from "@/api/types";
import { LanguageOptions } from "@/components/shell/language";
import { Button, type Column, Copyable, Dialog, Field, Input, Select, TextArea, toast } from "@/components/ui";
import { span } from "@/format/format";
import { DocumentForm, Documents } from "./documents";

export function PromptsPage() {
  const { t } = useTranslation();
  const may = useMay()("config:write");
  const [adding, setAdding] = useState<"upload" | "speak" | null>(null);
  const columns: Column<Prompt>[] = [
    { head: t("common.name"), cell: (prompt) => prompt.name, className: "font-medium" },
    { head: t("prompts.duration"), figure: true, cell: (prompt) => span(prompt.duration_ms) },
    {
      head: t("prompts.listen"),
      cell: (prompt) => (
        // oxlint-disable-next-line jsx-a11y/media-has-caption
        <audio
          controls
          preload="none"
          className="h-8 w-56"
          aria-label={prompt.name}
          src={`/v1/prompts/${prompt.id}/audio`}
        />
      ),
    },
    { head: t("prompts.id"), cell: (prompt) => <Copyable value={prompt.id} /> },
  ];
  const actions = may && (
    <>
      <Button onClick={() => setAdding("upload")} data-testid="prompt-upload">
        <Upload aria-hidden className="size-4" />
        {t("prompts.upload")}
      </Button>
      <Button look="primary" onClick={() => setAdding("speak")} data-testid="prompt-speak">
        <MessageSquareText aria-hidden className="size-4" />
        {t("prompts.speak")}
      </Button>
    </>
  );
  const close = () => setAdding(null);
  return (
    <Documents of="prompts" testId="prompt" columns={columns} name={(prompt) => prompt.name} actions={actions}>
      <Dialog
        open={adding !== null}
        onClose={close}
        title={t(adding === "upload" ? "prompts.upload" : "prompts.speak")}
      >
        {adding === "upload" ? <UploadForm onDone={close} /> : <SpeechForm onDone={close} />}
      </Dialog>
    </Documents>
  );
}

function useAdded(onDone: () => void) {
  const { t } = useTranslation();
  const client = useQueryClient();
  return async () => {
    await client.invalidateQueries({ queryKey: ["prompts"] });
    toast("ok", t("common.saved"));
    onDone();
  };
}

const spoken = z.object({ name: required, text: required, language: z.string() });

function SpeechForm({ onDone }: { onDone: () => void }) {
  const { t, i18n } = useTranslation();
  const added = useAdded(onDone);
  const editing = useServerForm({
    schema: spoken,
    defaults: { name: "", text: "", language: i18n.language },
    submit: async (values) => {
      await post("/prompts/speech", values);
      await added();
    },
  });
  const { register, errorOf } = editing;
  return (
    <DocumentForm form={editing} onCancel={onDone}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="prompt-name" />
      </Field>
      <Field label={t("prompts.text")} error={errorOf("text")} required>
        <TextArea {...register("text")} maxLength={2000} data-testid="prompt-text" />
      </Field>
      <Field label={t("signup.language")} error={errorOf("language")}>
        <Select {...register("language")}>
          <LanguageOptions />
        </Select>
      </Field>
    </DocumentForm>
  );
}

const uploaded = z.object({
  name: required,
  file: z.custom<FileList>((files) => files instanceof FileList && files.length === 1, "required"),
});

function UploadForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const added = useAdded(onDone);
  const editing = useServerForm({
    schema: uploaded,
    defaults: { name: "" },
    submit: async ({ name, file }) => {
      const form = new FormData();
      form.set("name", name);
      const [wav] = file;
      if (wav) form.set("file", wav);
      await request("POST", "/prompts/upload", { form });
      await added();
    },
  });
  const { register, errorOf } = editing;
  return (
    <DocumentForm form={editing} onCancel={onDone}>
      <Field label={t("common.name")} error={errorOf("name")} required>
        <Input {...register("name")} data-testid="prompt-name" />
      </Field>
      <Field label={t("prompts.file")} error={errorOf("file")} required>
        <Input
          {...register("file")}
          type="file"
          accept=".wav,audio/wav,audio/x-wav"
          className="!h-auto py-1.5"
          data-testid="prompt-file"
        />
      </Field>
    </DocumentForm>
  );
}
