import { useSyncExternalStore } from "react";

const STORED = "trunkline.devices";

/** Which microphone and loudspeaker; empty: as the browser has it. */
export type Devices = { microphone: string; speaker: string };

const listeners = new Set<() => void>();
let chosen: Devices = read();

function read(): Devices {
  const none = { microphone: "", speaker: "" };
  try {
    return { ...none, ...(JSON.parse(localStorage.getItem(STORED) ?? "{}") as Partial<Devices>) };
  } catch {
    return none;
  }
}

export const devices = () => chosen;

export function choose(part: Partial<Devices>) {
  chosen = { ...chosen, ...part };
  localStorage.setItem(STORED, JSON.stringify(chosen));
  for (const listener of listeners) listener();
}

export function onDevices(listener: () => void) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export const useDevices = () => useSyncExternalStore(onDevices, devices);

/** Sends the sound to the chosen loudspeaker, where the browser can. */
export async function playAt(audio: HTMLAudioElement) {
  if (!("setSinkId" in audio)) return;
  // One that is gone leaves the sound where it was.
  await audio.setSinkId(chosen.speaker).catch(() => undefined);
}

/** The loudness of a stream, 0 to 1, ten times a second; stops when told so. */
export function meter(stream: MediaStream, tell: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    tell(levelOf(samples));
  }, 100);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}

/** Root mean square in decibels from -60 (silence) to 0, as 0 to 1. */
export function levelOf(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i += 1) sum += (samples[i] ?? 0) ** 2;
  const decibels = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12);
  return Math.min(1, Math.max(0, 1 + decibels / 60));
}
