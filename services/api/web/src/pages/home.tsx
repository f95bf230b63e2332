import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Check, Circle } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { documents, useMay, useMe } from "@/api/queries";
import type { Agent, DidNumber, Interaction, List, Trunk } from "@/api/types";
import { Button, Card, Copyable, EmptyState, Loaded, Notice, Page } from "@/components/ui";
import { InteractionList } from "@/components/interactions";
import { SipAddress } from "@/components/sip-address";
import { TestCallCard } from "./test-call";

export function HomePage() {
  const { t } = useTranslation();
  const me = useMe();
  const may = useMay();
  const calls = useQuery({
    queryKey: ["calls", "home"],
    queryFn: () => get<List<Interaction>>("/calls?limit=5"),
    enabled: may("calls:read") || may("calls:own"),
    refetchInterval: 10_000,
  });
  return (
    <Page title={t("home.title", { name: me.name })} lead={t("home.lead")}>
      {!me.email_verified && me.email && <Notice>{t("home.verify", { email: me.email })}</Notice>}
      <div className="grid items-start gap-4 lg:grid-cols-2">
        {may("test-calls") && <TestCallCard />}
        {may("config:read") && <Checklist calls={calls.data?.items ?? []} />}
        {may("config:read") && <Sip />}
        {(may("calls:read") || may("calls:own")) && (
          <Card title={t("home.lastCalls")}>
            <Loaded query={calls}>
              {({ items }) =>
                items.length > 0 ? (
                  <InteractionList interactions={items} />
                ) : (
                  <EmptyState title={t("calls.none")}>{t("home.noCalls")}</EmptyState>
                )
              }
            </Loaded>
          </Card>
        )}
      </div>
    </Page>
  );
}

type Step = { id: string; done: boolean; text: string; to: string };

/** The way from a new account to a working line; each step ticks itself off. */
function Checklist({ calls }: { calls: Interaction[] }) {
  const { t } = useTranslation();
  const me = useMe();
  const agents = useQuery(documents<Agent>("agents"));
  const trunks = useQuery(documents<Trunk>("trunks"));
  const numbers = useQuery(documents<DidNumber>("numbers"));
  const steps: Step[] = [
    { id: "signUp", done: true, text: t("home.step.signUp", { company: me.company }), to: "/" },
    { id: "call", done: calls.some((call) => call.outcome === "answered"), text: t("home.step.call"), to: "/desk" },
    { id: "invite", done: (agents.data?.length ?? 0) > 1, text: t("home.step.invite"), to: "/users" },
    {
      id: "trunk",
      done: trunks.data?.some((trunk) => trunk.name !== "Test caller") ?? false,
      text: t("home.step.trunk"),
      to: "/trunks",
    },
    {
      id: "number",
      done: numbers.data?.some((did) => !did.number.startsWith("+999")) ?? false,
      text: t("home.step.number"),
      to: "/numbers",
    },
  ];
  return (
    <Card title={t("home.start")}>
      <ol className="flex flex-col gap-2.5">
        {steps.map((step) => (
          <li key={step.id} className="flex items-start gap-2.5 text-sm">
            {step.done ? (
              <Check aria-label={t("home.done")} className="mt-0.5 size-4 shrink-0 text-ok" />
            ) : (
              <Circle aria-label={t("home.toDo")} className="mt-0.5 size-4 shrink-0 text-muted" />
            )}
            {step.done ? (
              <span className="text-muted">{step.text}</span>
            ) : (
              <Link to={step.to} className="font-medium text-accent underline underline-offset-2">
                {step.text}
              </Link>
            )}
          </li>
        ))}
      </ol>
    </Card>
  );
}

/** What one types into a phone or a carrier's form to reach the test number. */
function Sip() {
  const { t } = useTranslation();
  const may = useMay();
  const numbers = useQuery(documents<DidNumber>("numbers"));
  const trunks = useQuery(documents<Trunk>("trunks"));
  const trunk = trunks.data?.find((one) => one.auth.type === "digest");
  const test = numbers.data?.find((did) => did.number.startsWith("+999")) ?? numbers.data?.[0];
  return (
    <Card title={t("home.sip")}>
      <p className="mb-3 text-sm text-muted">{t("home.sipLead")}</p>
      <dl className="flex flex-col gap-2 text-sm">
        <Detail name={t("home.testNumber")}>
          {test ? <Copyable value={test.number} testId="test-number" /> : "—"}
        </Detail>
        <Detail name={t("home.sipServer")}>
          <SipAddress />
        </Detail>
        {trunk?.auth.type === "digest" && may("config:write") && (
          <>
            <Detail name={t("trunks.username")}>
              <Copyable value={trunk.auth.username} testId="sip-username" />
            </Detail>
            {trunk.auth.password && (
              <Detail name={t("trunks.password")}>
                <Copyable value={trunk.auth.password} testId="sip-password" />
              </Detail>
            )}
          </>
        )}
      </dl>
      <Button size="sm" className="mt-3" asChild>
        <Link to="/trunks">{t("home.allTrunks")}</Link>
      </Button>
    </Card>
  );
}

function Detail({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-x-3 gap-y-1">
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  );
}
