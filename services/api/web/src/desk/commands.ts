import { useTranslation } from "react-i18next";
import { useMay } from "@/api/queries";
import { desk, useDesk } from "./desk";
import { currentLeg, currentOffer } from "./view";
import { REASONS } from "./words";

/** Something to do, by its name. */
export type Command = { id: string; name: string; key?: string; run: () => void };

/** What the agent can do this moment. */
export function useDeskCommands(): Command[] {
  const { t } = useTranslation();
  const view = useDesk();
  if (!useMay()("desk")) return [];
  const leg = currentLeg(view);
  const offer = currentOffer(view);
  const commands: (Command | false | undefined)[] = [
    offer && { id: "accept", name: t("shortcuts.accept"), key: "a", run: () => desk.accept(offer.reservation) },
    offer && { id: "decline", name: t("shortcuts.decline"), key: "d", run: () => desk.decline(offer.reservation) },
    leg && { id: "mute", name: t("shortcuts.mute"), key: "m", run: () => desk.mute(leg.leg, !leg.muted) },
    leg && { id: "hold", name: t("shortcuts.hold"), key: "h", run: () => desk.hold(leg.leg, !leg.held) },
    leg && { id: "end", name: t("shortcuts.end"), key: "e", run: () => desk.hangUp(leg.leg) },
    { id: "available", name: t("state.available"), run: () => void desk.available() },
    ...REASONS.map((reason) => ({
      id: reason,
      name: `${t("state.aux")}: ${t(`reason.${reason}`)}`,
      run: () => desk.takeBreak(reason),
    })),
    { id: "offline", name: t("state.offline"), run: () => desk.offline() },
  ];
  return commands.filter((command) => command !== false && command !== undefined);
}
