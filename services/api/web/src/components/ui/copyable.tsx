import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./button";

/** A value with a button that copies it. */
export function Copyable({ value, testId }: { value: string; testId?: string }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
    setTimeout(setCopied, 1_500, false);
  };
  const Icon = copied ? Check : Copy;
  return (
    <span className="inline-flex max-w-full min-w-0 items-center gap-1 rounded-md bg-sunken py-0.5 pr-0.5 pl-2">
      <code data-testid={testId} className="min-w-0 font-mono text-xs break-all">
        {value}
      </code>
      <Button look="quiet" size="sm" icon aria-label={t("common.copyOf", { value })} onClick={copy}>
        <Icon aria-hidden className="size-3.5" />
      </Button>
      <span role="status" className="sr-only">
        {copied ? t("common.copied") : ""}
      </span>
    </span>
  );
}
