import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get, post, request } from "@/api/client";
import { useServerForm } from "@/api/form";
import { meQuery, useMe } from "@/api/queries";
import { required, z } from "@/api/schema";
import type { List, Session } from "@/api/types";
import { useProblemText } from "@/api/words";
import { SessionTable } from "@/components/session-table";
import { Badge, Button, Card, Copyable, Field, Input, Loaded, Notice, Page, toast } from "@/components/ui";

/** One's own account: the second factor, and where one is signed in. */
export function SecurityPage() {
  const { t } = useTranslation();
  return (
    <Page title={t("nav.security")} lead={t("account.lead")}>
      <SecondFactor />
      <Sessions />
    </Page>
  );
}

type Offer = { secret: string; uri: string };

function SecondFactor() {
  const { t } = useTranslation();
  const me = useMe();
  const words = useProblemText();
  const [codes, setCodes] = useState<string[]>([]);
  const offer = useMutation({
    mutationFn: () => post<Offer>("/me/totp/offer"),
    onError: (error) => toast("bad", words(error)),
  });
  const state = (
    <Badge tone={me.totp ? "ok" : "neutral"} data-testid="totp-state">
      {t(me.totp ? "account.on" : "account.off")}
    </Badge>
  );
  return (
    <Card title={t("account.totp")} actions={state}>
      <div className="flex max-w-xl flex-col items-start gap-3">
        <p className="text-sm text-muted">{t("account.totpLead")}</p>
        {codes.length > 0 && <Recovery codes={codes} />}
        {!me.totp && !offer.data && (
          <Button look="primary" busy={offer.isPending} onClick={() => offer.mutate()} data-testid="totp-begin">
            {t("account.setUp")}
          </Button>
        )}
        {!me.totp && offer.data && <Confirm offer={offer.data} onCodes={setCodes} />}
        {me.totp && <TurnOff onDone={() => (setCodes([]), offer.reset())} />}
      </div>
    </Card>
  );
}

const schema = z.object({ code: required });

function Confirm({ offer, onCodes }: { offer: Offer; onCodes: (codes: string[]) => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { code: "" },
    submit: async (body) => {
      onCodes((await request<{ codes: string[] }>("PUT", "/me/totp", { body })).codes);
      await client.invalidateQueries({ queryKey: meQuery.queryKey });
    },
  });
  return (
    <form onSubmit={onSubmit} noValidate className="flex w-full flex-col gap-3">
      {problem && <Notice tone="bad">{problem}</Notice>}
      <p className="text-sm">{t("account.typeSecret")}</p>
      <Copyable value={offer.secret} testId="totp-secret" />
      <a href={offer.uri} className="text-sm text-accent underline">
        {t("account.openApp")}
      </a>
      <Field label={t("account.code")} error={errorOf("code")} required>
        <Input {...register("code")} inputMode="numeric" autoComplete="one-time-code" className="max-w-40" data-testid="totp-code" />
      </Field>
      <Button type="submit" look="primary" busy={busy} className="self-start" data-testid="totp-confirm">
        {t("account.confirm")}
      </Button>
    </form>
  );
}

function Recovery({ codes }: { codes: string[] }) {
  const { t } = useTranslation();
  return (
    <Notice tone="warn" testId="recovery-codes">
      <p>{t("account.recovery")}</p>
      <ul className="mt-2 grid grid-cols-2 gap-x-6 gap-y-1 font-mono text-xs">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
    </Notice>
  );
}

function TurnOff({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { register, onSubmit, errorOf, problem, busy } = useServerForm({
    schema,
    defaults: { code: "" },
    submit: async (body) => {
      await request<void>("DELETE", "/me/totp", { body });
      await client.invalidateQueries({ queryKey: meQuery.queryKey });
      onDone();
    },
  });
  return (
    <form onSubmit={onSubmit} noValidate className="flex w-full flex-col gap-3">
      {problem && <Notice tone="bad">{problem}</Notice>}
      <Field label={t("account.codeToTurnOff")} error={errorOf("code")} required>
        <Input {...register("code")} inputMode="numeric" autoComplete="one-time-code" className="max-w-40" />
      </Field>
      <Button type="submit" busy={busy} className="self-start">
        {t("account.turnOff")}
      </Button>
    </form>
  );
}

function Sessions() {
  const { t } = useTranslation();
  const words = useProblemText();
  const client = useQueryClient();
  const sessions = useQuery({ queryKey: ["sessions"], queryFn: () => get<List<Session>>("/me/sessions?limit=200") });
  const end = useMutation({
    mutationFn: (id: string) => request<void>("DELETE", `/me/sessions/${id}`),
    onError: (error) => toast("bad", words(error)),
    onSettled: () => client.invalidateQueries({ queryKey: ["sessions"] }),
  });
  return (
    <Card title={t("account.sessions")} flush>
      <Loaded query={sessions}>{({ items }) => <SessionTable sessions={items} onEnd={(id) => end.mutate(id)} />}</Loaded>
    </Card>
  );
}
