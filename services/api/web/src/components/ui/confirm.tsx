import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./button";
import { Dialog } from "./dialog";

type Props = {
  label: string;
  question: string;
  onConfirm: () => void;
  busy?: boolean;
};

/** A button that asks before it destroys something. */
export function ConfirmButton({ label, question, onConfirm, busy }: Props) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const confirmed = () => {
    setOpen(false);
    onConfirm();
  };
  return (
    <>
      <Button look="quiet" size="sm" busy={busy} onClick={() => setOpen(true)}>
        {label}
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={label} description={question}>
        <div className="flex justify-end gap-2">
          <Button onClick={() => setOpen(false)}>{t("common.cancel")}</Button>
          <Button look="danger" onClick={confirmed}>
            {label}
          </Button>
        </div>
      </Dialog>
    </>
  );
}
