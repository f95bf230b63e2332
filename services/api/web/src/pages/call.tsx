import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { lazy, Suspense, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import { documents, useMay, useMe, useNames } from "@/api/queries";
import type { CallLeg, CallSilence, Heard, Interaction, List, Named, Recording } from "@/api/types";
import { Button, Card, type Column, EmptyState, Loaded, Notice, Page, Table, Waiting } from "@/components/ui";
import { Other, Outcome } from "@/components/interactions";
import { dateTime, span } from "@/format/format";
import { Facts } from "./desk/facts";
import { Dialled } from "./desk/offer-card";
import { useStageName } from "./live/stage";

const Waveform = lazy(() => import("@/components/ui/waveform").then((m) => ({ default: m.Waveform })));

export function CallPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/shell/calls/$id" });
  const may = useMay();
  const me = useMe();
  const names = useNames();
  const call = useQuery({
    queryKey: ["calls", id],
    queryFn: () => get<Interaction>(`/calls/${encodeURIComponent(id)}`),
    refetchInterval: (query) => (query.state.data?.ended_at_ms ? false : 2_000),
  });
  return (
    <Page title={call.data ? t("calls.title", { number: called(call.data, names) }) : t("desk.call")}>
      <Loaded query={call}>
        {(found) => (
          <>
            <Details call={found} />
            {(found.legs || found.silences) && (
              <Sound call={found} legs={found.legs ?? []} silences={found.silences ?? []} />
            )}
            <Card title={t("calls.recorded")}>
              {may("recordings:read") || (found.agent !== null && found.agent === me.agent) ? (
                <OfCall call={found} />
              ) : (
                <p className="text-sm text-muted">{t("calls.noAccess")}</p>
              )}
            </Card>
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** The other side of the call, for its title. */
function called(call: Interaction, names: ReturnType<typeof useNames>) {
  if (call.direction === "internal") return names.agent(call.to);
  return call.direction === "outbound" ? call.to : call.from;
}

function Details({ call }: { call: Interaction }) {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const names = useNames();
  const stage = useStageName();
  const categories = useQuery({ ...documents<Named>("categories"), enabled: Boolean(call.category) });
  const contact = call.contact ? (
    <Link
      key="c"
      to="/contacts/$id"
      params={{ id: call.contact }}
      className="underline decoration-line-strong underline-offset-2"
    >
      {call.contact_name || (call.direction === "outbound" ? call.to : call.from)}
    </Link>
  ) : (
    (call.contact_name ?? "—")
  );
  return (
    <Card>
      <Facts
        facts={[
          [t("fact.contact"), contact],
          [t("fact.direction"), t(`direction.${call.direction}`)],
          [t("fact.number"), <Other key="n" of={call} />],
          [t("fact.dialled"), call.did ? <Dialled key="d" label={call.did_label} number={call.did} /> : "—"],
          [t("fact.started"), dateTime(call.started_at_ms, i18n.language, me.time_zone)],
          [t("fact.outcome"), <Outcome key="o" of={call} />],
          [t("fact.stage"), stage(call.stage)],
          [t("fact.path"), call.path || "—"],
          [t("fact.category"), categories.data?.find((one) => one.id === call.category)?.name ?? "—"],
          [t("fact.queue"), names.queue(call.queue) || "—"],
          [t("fact.agent"), names.agent(call.agent) || "—"],
          [t("fact.wait"), span(call.wait_ms)],
          [t("fact.talk"), span(call.talk_ms)],
          [t("fact.hold"), span(call.hold_ms)],
          [t("fact.disposition"), names.disposition(call.disposition) || "—"],
          [t("fact.note"), call.note || "—"],
        ]}
      />
    </Card>
  );
}

/** How well each party was heard, and heard the others. */
function Sound({ call, legs, silences }: { call: Interaction; legs: CallLeg[]; silences: CallSilence[] }) {
  const { t, i18n } = useTranslation();
  const names = useNames();
  const me = useMe();
  const party = (who: string | null) => names.agent(who) || who || call.contact_name || call.from;
  const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  const tenths = (n: number) => n.toLocaleString(i18n.language, digits);
  const heard = (of: Heard | null, packets: number) =>
    of
      ? t("sound.heard", {
          mos: tenths(of.mos),
          loss: tenths((100 * of.lost) / Math.max(1, packets)),
          jitter: of.jitter_ms.toFixed(0),
        })
      : "—";
  const columns: Column<CallLeg>[] = [
    { head: t("sound.party"), cell: (leg) => party(leg.who) },
    { head: t("sound.near"), cell: (leg) => heard(leg.near, leg.received + (leg.near?.lost ?? 0)), testId: "sound-near" },
    { head: t("sound.far"), cell: (leg) => heard(leg.far, leg.sent) },
    {
      head: t("sound.roundTrip"),
      figure: true,
      cell: (leg) => (leg.round_trip_ms === null ? "—" : t("sound.ms", { ms: leg.round_trip_ms.toFixed(0) })),
    },
  ];
  return (
    <Card title={t("sound.title")}>
      {legs.length > 0 && (
        <Table rows={legs} columns={columns} rowKey={(leg) => `${leg.who}/${leg.received}`} caption={t("sound.title")} />
      )}
      {silences.length > 0 && (
        <ul className="space-y-1 p-4 text-sm">
          {silences.map((one) => (
            <li key={`${one.who}/${one.began_at_ms}`} data-testid="silence">
              {t(one.ended_at_ms === null ? "sound.silent" : "sound.wasSilent", {
                party: party(one.who),
                at: dateTime(one.began_at_ms, i18n.language, me.time_zone),
                span: span((one.ended_at_ms ?? one.began_at_ms) - one.began_at_ms),
              })}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

/** By the interaction, else by the call: the recording may be known before the interaction is. */
function OfCall({ call }: { call: Interaction }) {
  const { t } = useTranslation();
  const listed = useQuery({
    queryKey: ["recordings", "of", call.call],
    queryFn: () => get<List<Recording>>(`/recordings?call=${encodeURIComponent(call.call)}`),
    enabled: !call.recording,
    refetchInterval: (query) => (query.state.data?.items.length ? false : 3_000),
  });
  const ids = call.recording ? [call.recording] : listed.data?.items.map((one) => one.id);
  if (ids && ids.length > 0) return ids.map((id) => <Player key={id} id={id} />);
  return <EmptyState title={t("calls.noRecording")} />;
}

function Player({ id }: { id: string }) {
  const { t } = useTranslation();
  const recording = useQuery({
    queryKey: ["recordings", id],
    queryFn: () => get<Recording>(`/recordings/${encodeURIComponent(id)}`),
    refetchInterval: (query) => (query.state.data?.complete === false ? 3_000 : false),
  });
  return (
    <Loaded query={recording}>
      {(found) => (
        <div className="flex flex-col gap-3">
          {!found.complete && <Notice>{t("calls.recordingIncomplete")}</Notice>}
          <Suspense fallback={<Waiting />}>
            <Bands recording={found} />
          </Suspense>
          <Button size="sm" className="self-end" asChild>
            <a href={`/v1/recordings/${id}/audio`} download={`${found.call}.wav`} data-testid="recording-download">
              <Download aria-hidden className="size-4" />
              {t("calls.download")}
            </a>
          </Button>
        </div>
      )}
    </Loaded>
  );
}

function Bands({ recording }: { recording: Recording }) {
  const { t } = useTranslation();
  const { peaks_left: left, peaks_right: right } = recording;
  const peaks = useMemo(() => [left ?? [0], right ?? [0]], [left, right]);
  return (
    <Waveform
      source={`/v1/recordings/${recording.id}/audio`}
      durationMs={recording.duration_ms}
      peaks={peaks}
      sides={[t("calls.left"), t("calls.right")]}
    />
  );
}
