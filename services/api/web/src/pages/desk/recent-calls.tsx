import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { useMe } from "@/api/queries";
import type { Interaction, List } from "@/api/types";
import { Card, EmptyState, Loaded } from "@/components/ui";
import { InteractionList } from "@/components/interactions";
import { useDesk } from "@/desk/desk";

/** One's own last calls. */
export function RecentCalls() {
  const { t } = useTranslation();
  const { agent } = useMe();
  const { state } = useDesk();
  // Each change of state may have made another call history.
  const calls = useQuery({
    queryKey: ["calls", "own", agent, state?.state],
    placeholderData: keepPreviousData,
    queryFn: () => get<List<Interaction>>(`/calls?limit=8&agent=${agent ?? ""}`),
  });
  return (
    <Card title={t("desk.recent")}>
      <Loaded query={calls}>
        {({ items }) =>
          items.length > 0 ? <InteractionList interactions={items} /> : <EmptyState title={t("calls.none")} />
        }
      </Loaded>
    </Card>
  );
}
