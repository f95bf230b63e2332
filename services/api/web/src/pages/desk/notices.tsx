import { useTranslation } from "react-i18next";
import { Button, Notice } from "@/components/ui";
import { desk, useDesk } from "@/desk/desk";
import { callerName } from "./caller";

/** What keeps the desk from working, as long as it does. */
export function DeskNotices() {
  const { t } = useTranslation();
  const { link, ownsPhone, trouble, state, messages, callers } = useDesk();
  const last = Object.values(callers).at(-1);
  const missed = last ? (callerName(last) ?? last.caller.number) : t("desk.unknownCaller");
  return (
    <>
      {link === "lost" && <Notice tone="bad">{t("desk.lostNotice")}</Notice>}
      {link === "closed" && <Notice tone="bad">{t("problem.signedOut")}</Notice>}
      {trouble && (
        <Notice tone="bad" testId="microphone-trouble">
          {t(`microphone.${trouble}`)}
        </Notice>
      )}
      {ownsPhone === false && (
        <Notice testId="phone-elsewhere">
          <div className="flex flex-wrap items-center justify-between gap-2">
            {t("desk.phoneElsewhere")}
            <Button size="sm" onClick={() => desk.takePhone()}>
              {t("desk.takePhone")}
            </Button>
          </div>
        </Notice>
      )}
      {messages.map((one) => (
        <Notice key={one.at_ms} testId="desk-message">
          <div className="flex flex-wrap items-start justify-between gap-2">
            <p className="min-w-0">
              <span className="font-semibold">{one.from}: </span>
              {one.text}
            </p>
            <Button size="sm" onClick={() => desk.read(one)} data-testid="desk-message-read">
              {t("supervise.read")}
            </Button>
          </div>
        </Notice>
      ))}
      {state?.state === "missed" && <Notice tone="warn" testId="missed-notice">{t("desk.missedNotice", { name: missed })}</Notice>}
    </>
  );
}
