import { Link, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/api/queries";
import { Badge, Button, Elapsed, PhoneNumber } from "@/components/ui";
import { desk, useDesk } from "./desk";
import { Shortcuts } from "./shortcuts";
import { useStateLabel, stateTone } from "./words";
import { currentLeg, currentOffer } from "./view";

/** On every page: one's state, and what rings. It keeps the desk open. */
export default function DeskBar() {
  const { t } = useTranslation();
  const { agent } = useMe();
  const view = useDesk();
  const label = useStateLabel();
  const onDesk = useRouterState({ select: (state) => state.location.pathname === "/desk" });
  useEffect(() => {
    if (agent) desk.open(agent);
  }, [agent]);
  const offer = currentOffer(view);
  const leg = currentLeg(view);
  return (
    <div className="flex min-w-0 items-center gap-2 text-sm">
      <Shortcuts />
      {view.link === "lost" && <Badge tone="bad">{t("desk.link.lost")}</Badge>}
      {!onDesk && view.state && (
        <Link to="/desk" className="rounded-full" data-testid="desk-pill">
          <Badge tone={stateTone(view.state.state)} dot>
            {label(view.state)} <Elapsed since={view.state.since_ms} />
          </Badge>
        </Link>
      )}
      {!onDesk && view.messages.length > 0 && (
        <Button size="sm" asChild>
          <Link to="/desk" data-testid="desk-mail">
            {t("supervise.unread", { count: view.messages.length })}
          </Link>
        </Button>
      )}
      {!onDesk && leg && (
        <Button size="sm" look="primary" asChild>
          <Link to="/desk">{t("desk.backToCall")}</Link>
        </Button>
      )}
      {!onDesk && offer && (
        <span role="alert" className="flex min-w-0 items-center gap-2">
          <span className="hidden truncate sm:inline">
            {t("desk.incoming")} <PhoneNumber number={offer.caller.number} />
          </span>
          <Button size="sm" look="accept" className="animate-ring" asChild>
            <Link to="/desk">{t("desk.toDesk")}</Link>
          </Button>
        </span>
      )}
    </div>
  );
}
