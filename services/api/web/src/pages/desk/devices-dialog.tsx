import { Mic, Play, Square } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, Dialog, Field, Notice, Select } from "@/components/ui";
import { choose, meter, playAt, useDevices } from "@/desk/devices";
import { type MicrophoneTrouble, microphone, troubleOf } from "@/desk/line";

const RECORDED_MS = 4_000;

/** Microphone and loudspeaker: to choose, to see, to hear. */
export function DevicesDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog open={open} onClose={onClose} title={t("devices.title")} description={t("devices.lead")}>
      {open && <Check />}
    </Dialog>
  );
}

function Check() {
  const { t } = useTranslation();
  const { microphone: chosenMicrophone, speaker } = useDevices();
  const [known, setKnown] = useState<MediaDeviceInfo[]>([]);
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [trouble, setTrouble] = useState<MicrophoneTrouble | null>(null);
  useEffect(() => {
    let open: MediaStream | null = null;
    let closed = false;
    const start = async () => {
      try {
        open = await microphone(chosenMicrophone);
        if (closed) return stop(open);
        setStream(open);
        setTrouble(null);
        // Their names are told once the microphone is allowed.
        setKnown(await navigator.mediaDevices.enumerateDevices());
      } catch (error) {
        setTrouble(troubleOf(error));
      }
    };
    void start();
    return () => {
      closed = true;
      if (open) stop(open);
    };
  }, [chosenMicrophone]);
  const list = (kind: MediaDeviceKind) => known.filter((one) => one.kind === kind && one.deviceId !== "default");
  return (
    <div className="flex flex-col gap-4">
      {trouble && <Notice tone="bad">{t(`microphone.${trouble}`)}</Notice>}
      <Field label={t("devices.microphone")}>
        <Select
          value={chosenMicrophone}
          data-testid="device-microphone"
          onChange={(event) => choose({ microphone: event.target.value })}
        >
          <option value="">{t("devices.default")}</option>
          <Options of={list("audioinput")} />
        </Select>
      </Field>
      {stream && <Level stream={stream} />}
      <Field label={t("devices.speaker")}>
        <Select
          value={speaker}
          data-testid="device-speaker"
          onChange={(event) => choose({ speaker: event.target.value })}
        >
          <option value="">{t("devices.default")}</option>
          <Options of={list("audiooutput")} />
        </Select>
      </Field>
      {stream && <Echo stream={stream} />}
    </div>
  );
}

function stop(stream: MediaStream) {
  for (const track of stream.getTracks()) track.stop();
}

function Options({ of }: { of: MediaDeviceInfo[] }) {
  return of.map((one, index) => (
    <option key={one.deviceId} value={one.deviceId}>
      {one.label || `${index + 1}`}
    </option>
  ));
}

function Level({ stream }: { stream: MediaStream }) {
  const { t } = useTranslation();
  const [level, setLevel] = useState(0);
  useEffect(() => meter(stream, setLevel), [stream]);
  return (
    <div className="flex items-center gap-2">
      <Mic aria-hidden className="size-4 shrink-0 text-muted" />
      <div
        role="meter"
        aria-label={t("devices.level")}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(level * 100)}
        data-testid="device-level"
        className="h-2 grow overflow-hidden rounded-full bg-sunken"
      >
        <div className="h-full bg-ok transition-[width] duration-100" style={{ width: `${level * 100}%` }} />
      </div>
    </div>
  );
}

/** Some seconds of one's own voice, recorded here and played where calls are. */
function Echo({ stream }: { stream: MediaStream }) {
  const { t } = useTranslation();
  const [state, setState] = useState<"idle" | "recording" | "playing">("idle");
  const record = () => {
    const recorder = new MediaRecorder(stream);
    const pieces: Blob[] = [];
    recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
    recorder.addEventListener("stop", () => void play(new Blob(pieces, { type: recorder.mimeType })));
    recorder.start();
    setState("recording");
    setTimeout(() => recorder.state === "recording" && recorder.stop(), RECORDED_MS);
  };
  const play = async (voice: Blob) => {
    const url = URL.createObjectURL(voice);
    const audio = new Audio(url);
    setState("playing");
    const over = () => {
      URL.revokeObjectURL(url);
      setState("idle");
    };
    audio.addEventListener("ended", over);
    audio.addEventListener("error", over);
    await playAt(audio);
    await audio.play().catch(over);
  };
  const Icon = state === "idle" ? Play : Square;
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Button onClick={record} disabled={state !== "idle"} data-testid="device-echo">
        <Icon aria-hidden className="size-4" />
        {t("devices.echo")}
      </Button>
      <p role="status" className="text-sm text-muted">
        {state === "idle" ? t("devices.echoHint") : t(`devices.${state}`)}
      </p>
    </div>
  );
}
