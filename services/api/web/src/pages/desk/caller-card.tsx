import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Star } from "lucide-react";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import type { Card as ContactCard, Interaction } from "@/api/types";
import { Badge, Card, PhoneNumber } from "@/components/ui";
import { InteractionList } from "@/components/interactions";
import type { Offer } from "@/desk/messages";
import { Facts } from "./facts";
import { Dialled } from "./offer-card";

/** Who calls, what they came for before. After a reload it is asked for again. */
export function CallerCard({ call, caller }: { call: string; caller?: Offer }) {
  const { t } = useTranslation();
  const known = useQuery({
    queryKey: ["calls", call],
    queryFn: () => get<Interaction>(`/calls/${call}`),
    enabled: !caller,
    retry: false,
  });
  const contactId = caller ? undefined : known.data?.contact;
  const asked = useQuery({
    queryKey: ["contacts", contactId],
    queryFn: () => get<ContactCard>(`/contacts/${contactId ?? ""}`),
    enabled: Boolean(contactId),
    retry: false,
  });
  const card = caller?.contact ?? asked.data;
  const number = caller?.caller.number ?? known.data?.from ?? "";
  const label = caller?.caller.did_label ?? known.data?.did_label ?? "";
  const did = caller?.caller.did ?? known.data?.did ?? "";
  const path = caller?.caller.path ?? known.data?.path;
  const contact = card?.contact;
  const earlier = card?.interactions.filter((one) => one.call !== call) ?? [];
  return (
    <Card title={t("desk.caller")} data-testid="caller-card">
      {contact && (
        <div className="mb-3">
          <p className="flex flex-wrap items-center gap-2 text-lg font-semibold">
            <Link to="/contacts/$id" params={{ id: contact.id }} className="underline decoration-line-strong">
              {contact.name || number}
            </Link>
            {contact.vip && (
              <Badge tone="warn">
                <Star aria-hidden className="size-3 fill-current" /> VIP
              </Badge>
            )}
          </p>
          {contact.organisation && <p className="text-sm text-muted">{contact.organisation}</p>}
        </div>
      )}
      <Facts
        className="!grid-cols-2"
        facts={[
          [t("fact.number"), <PhoneNumber key="n" number={number} />],
          [t("fact.dialled"), <Dialled key="d" label={label} number={did} />],
          [t("fact.path"), path || "—"],
          [t("fact.queue"), caller?.queue_name ?? "—"],
        ]}
      />
      <h3 className="mt-4 mb-1 text-xs font-medium text-muted">{t("desk.earlier")}</h3>
      {earlier.length > 0 ? (
        <InteractionList interactions={earlier.slice(0, 5)} />
      ) : (
        <p className="text-sm text-muted">{t("desk.firstCall")}</p>
      )}
    </Card>
  );
}
