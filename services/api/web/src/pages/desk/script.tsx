import { useTranslation } from "react-i18next";
import { useDesk } from "@/desk/desk";
import type { Offer } from "@/desk/messages";
import { fillIn } from "@/desk/script";
import { callerName } from "./caller";

/** What the queue wants said, with the names of those who talk. */
export function Script({ offer }: { offer: Offer }) {
  const { t } = useTranslation();
  const { hello } = useDesk();
  if (!offer.script) return null;
  const name = callerName(offer) ?? offer.caller.number;
  const words = { name, agent: hello?.name ?? "", company: hello?.company ?? "" };
  return (
    <section
      aria-label={t("desk.script")}
      data-testid="script"
      className="mt-3 rounded-md bg-sunken p-3 whitespace-pre-line"
    >
      {fillIn(offer.script, words)}
    </section>
  );
}
