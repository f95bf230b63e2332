import { Phone } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useDesk } from "@/desk/desk";
import { currentLeg, currentOffer } from "@/desk/view";
import { Button, Card, EmptyState, Page } from "@/components/ui";
import { MyCallbacks } from "@/pages/callbacks/mine";
import { CallCard } from "./call-card";
import { CallerCard } from "./caller-card";
import { ConnectDialog } from "./connect-dialog";
import { DeskNotices } from "./notices";
import { OfferCard } from "./offer-card";
import { RecentCalls } from "./recent-calls";
import { StateBar } from "./state-bar";
import { WaitingCallers } from "./waiting";
import { WrapUpCard } from "./wrap-up-card";

export function DeskPage() {
  const { t } = useTranslation();
  const view = useDesk();
  const offer = currentOffer(view);
  const leg = currentLeg(view);
  const wrapUp = view.state?.state === "wrap_up" ? view.state.call : null;
  const call = offer?.call ?? leg?.call ?? view.state?.call ?? null;
  return (
    <Page title={t("nav.desk")}>
      <DeskNotices />
      <StateBar />
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,24rem)] lg:grid-rows-[auto_1fr]">
        <div className="flex min-w-0 flex-col gap-4">
          {offer && <OfferCard key={offer.reservation} offer={offer} />}
          {leg && <CallCard key={leg.leg} leg={leg} caller={view.callers[leg.call]} />}
          {wrapUp && !leg && (
            <WrapUpCard key={wrapUp} call={wrapUp} until={view.state?.until_ms ?? null} />
          )}
          {!offer && !leg && !wrapUp && <Idle />}
        </div>
        <div className="min-w-0 empty:hidden lg:col-start-2 lg:row-span-2">
          {call && <CallerCard key={call} call={call} caller={view.callers[call]} />}
        </div>
        <div className="flex min-w-0 flex-col gap-4 lg:col-start-1">
          <WaitingCallers />
          <MyCallbacks />
          <RecentCalls />
        </div>
      </div>
    </Page>
  );
}

function Idle() {
  const { t } = useTranslation();
  const { state } = useDesk();
  const elsewhere = state?.state === "on_call" || state?.state === "ringing";
  const [calling, setCalling] = useState(false);
  const text = elsewhere ? "elsewhere" : state?.state === "available" ? "waiting" : "idle";
  return (
    <Card>
      <EmptyState title={t(`desk.${text}`)}>
        <p>{t(`desk.${text}Hint`)}</p>
        {!elsewhere && (
          <Button className="mt-4" onClick={() => setCalling(true)} data-testid="desk-call">
            <Phone aria-hidden className="size-4" />
            {t("connect.call")}
          </Button>
        )}
      </EmptyState>
      <ConnectDialog open={calling} onClose={() => setCalling(false)} />
    </Card>
  );
}
