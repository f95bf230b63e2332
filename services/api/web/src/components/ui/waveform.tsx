import { Pause, Play } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import WaveSurfer from "wavesurfer.js";
import { span } from "@/format/format";
import { Button } from "./button";

const STEP_S = 5;

type Props = {
  /** Where the audio is; it is fetched by the player in ranges. */
  source: string;
  durationMs: number;
  /** Highest amplitude per slice, 0 to 1, one list for each side. */
  peaks: number[][];
  sides: string[];
};

/** What a token is in the theme that holds now: a canvas knows no variables. */
function colour(token: string) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Plays a recording; each side has its own band. */
export function Waveform({ source, durationMs, peaks, sides }: Props) {
  const { t } = useTranslation();
  const place = useRef<HTMLDivElement>(null);
  const audio = useRef<HTMLAudioElement>(null);
  const player = useRef<WaveSurfer | null>(null);
  const [playing, setPlaying] = useState(false);
  const [at, setAt] = useState(0);
  const seconds = durationMs / 1000;

  useEffect(() => {
    if (!place.current || !audio.current) return undefined;
    const common = { height: 48, barWidth: 2, barGap: 1, barRadius: 1, progressColor: colour("accent") };
    const made = WaveSurfer.create({
      container: place.current,
      media: audio.current,
      peaks,
      duration: seconds,
      cursorColor: colour("ink"),
      splitChannels: peaks.map((_, side) => ({
        ...common,
        waveColor: colour(side === 0 ? "info" : "note"),
      })),
    });
    player.current = made;
    return () => made.destroy();
  }, [peaks, seconds]);

  const toggle = () => void (playing ? audio.current?.pause() : audio.current?.play());
  const jump = (to: number) => {
    if (audio.current) audio.current.currentTime = Math.max(0, Math.min(seconds, to));
  };
  const keyed = (event: KeyboardEvent) => {
    const to = { ArrowLeft: at - STEP_S, ArrowRight: at + STEP_S, Home: 0, End: seconds }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    jump(to);
  };

  return (
    <div className="flex items-center gap-3">
      <Button
        look="primary"
        size="lg"
        icon
        onClick={toggle}
        aria-label={t(playing ? "calls.pause" : "calls.play")}
        data-testid="recording-play"
        data-playing={playing}
      >
        {playing ? <Pause aria-hidden className="size-5" /> : <Play aria-hidden className="size-5" />}
      </Button>
      <div className="min-w-0 grow">
        <div className="flex gap-2">
          <div className="flex w-16 shrink-0 flex-col justify-around text-xs text-muted">
            {sides.map((side) => (
              <span key={side} className="truncate">
                {side}
              </span>
            ))}
          </div>
          <div
            ref={place}
            role="slider"
            tabIndex={0}
            aria-label={t("calls.waveform")}
            aria-valuemin={0}
            aria-valuemax={Math.round(seconds)}
            aria-valuenow={Math.round(at)}
            aria-valuetext={`${span(at * 1000)} / ${span(durationMs)}`}
            onKeyDown={keyed}
            className="min-w-0 grow cursor-pointer rounded"
            data-testid="waveform"
          />
        </div>
        {/* oxlint-disable-next-line jsx-a11y/media-has-caption */}
        <audio
          ref={audio}
          src={source}
          preload="metadata"
          onPlay={() => setPlaying(true)}
          onPause={() => setPlaying(false)}
          onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)}
        />
        <p className="mt-1 text-right text-xs text-muted tabular-nums" data-testid="recording-time">
          {span(at * 1000)} / {span(durationMs)}
        </p>
      </div>
    </div>
  );
}
