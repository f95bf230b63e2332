import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { PhoneIncoming } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { get, post } from "@/api/client";
import { documents, useMay } from "@/api/queries";
import type { DidNumber, TestCall } from "@/api/types";
import { useProblemText } from "@/api/words";
import { Badge, Button, Card, Field, Input, Notice, Select, type Tone } from "@/components/ui";
import { useDesk } from "@/desk/desk";

const POLL_MS = 500;
const TONES: Record<TestCall["state"], Tone> = {
  calling: "accent",
  ringing: "accent",
  talking: "info",
  ended: "neutral",
};

/** A real call by the built-in caller: minutes after sign-up one hears the product. */
export function TestCallCard() {
  const { t } = useTranslation();
  const words = useProblemText();
  const may = useMay();
  const numbers = useQuery({ ...documents<DidNumber>("numbers"), enabled: may("config:read") });
  const [keys, setKeys] = useState("1");
  const [number, setNumber] = useState("");
  const place = useMutation({
    mutationFn: () => post<TestCall>("/test-calls", { keys, ...(number && { number }) }),
  });
  const { state } = useDesk();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    place.mutate();
  };
  return (
    <Card title={t("testCall.title")} className="border-accent">
      <p className="mb-3 text-sm text-muted">{t("testCall.lead")}</p>
      {may("desk") && state && state.state === "offline" && (
        <div className="mb-3">
          <Notice>
            {t("testCall.beAvailable")}{" "}
            <Link to="/desk" className="font-medium underline">
              {t("desk.toDesk")}
            </Link>
          </Notice>
        </div>
      )}
      <form onSubmit={submit} className="flex flex-col gap-3">
        <div className="grid grid-cols-[minmax(0,1fr)_7rem] gap-3">
          <Field label={t("testCall.number")}>
            <Select value={number} onChange={(event) => setNumber(event.target.value)}>
              <option value="">{t("testCall.testNumber")}</option>
              {numbers.data?.map((did) => (
                <option key={did.id} value={did.number}>
                  {did.label} {did.number}
                </option>
              ))}
            </Select>
          </Field>
          <Field label={t("testCall.keys")}>
            <Input
              value={keys}
              onChange={(event) => setKeys(event.target.value)}
              pattern="[0-9*#]{0,16}"
              inputMode="tel"
              data-testid="test-call-keys"
            />
          </Field>
        </div>
        <Button type="submit" look="primary" size="lg" busy={place.isPending} data-testid="test-call">
          <PhoneIncoming aria-hidden className="size-5" />
          {t("testCall.submit")}
        </Button>
      </form>
      <div className="mt-3" aria-live="polite">
        {place.error && <Notice tone="bad">{words(place.error)}</Notice>}
        {place.data && <Progress key={place.data.id} placed={place.data} />}
      </div>
    </Card>
  );
}

const CAUSES = ["hung_up", "hung_up_by_peer", "refused", "lost", "failed"] as const;

function Progress({ placed }: { placed: TestCall }) {
  const { t } = useTranslation();
  const look = useQuery({
    queryKey: ["test-calls", placed.id],
    queryFn: () => get<TestCall>(`/test-calls/${placed.id}`),
    initialData: placed,
    staleTime: 0,
    refetchInterval: (query) => (query.state.data?.state === "ended" ? false : POLL_MS),
  });
  const call = look.data;
  const cause = CAUSES.find((one) => one === call.cause);
  return (
    <p className="flex flex-wrap items-center gap-2 text-sm">
      <Badge tone={TONES[call.state]} dot data-testid="test-call-state" data-state={call.state}>
        {t(`testCall.state.${call.state}`)}
      </Badge>
      {cause && t(`testCall.cause.${cause}`)}
      {call.status && ` (${call.status})`}
      <span className="text-muted">
        {t("testCall.packets", { received: call.packets_received, sent: call.packets_sent })}
      </span>
    </p>
  );
}
