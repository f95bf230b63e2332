import { useSyncExternalStore } from "react";

/** A difference below this is the resolution of the Date header, not a wrong clock. */
const SKEW_MIN_MS = 2_000;

let skew = 0;

/** Learns how far this computer's clock is from the server's. */
export function learnSkew(date: string | null, here = Date.now()) {
  if (!date) return;
  const there = Date.parse(date);
  if (Number.isNaN(there)) return;
  const difference = there - here;
  skew = Math.abs(difference) < SKEW_MIN_MS ? 0 : difference;
}

/** Milliseconds since 1970 by the server's clock. */
export function serverNow() {
  return Date.now() + skew;
}

const listeners = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;
let now = serverNow();

function subscribe(listener: () => void) {
  listeners.add(listener);
  ticking ??= setInterval(tick, 500);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(ticking);
    ticking = undefined;
  };
}

function tick() {
  now = serverNow();
  for (const listener of listeners) listener();
}

/** The server's time, again twice a second: one ticker for the whole page. */
export function useNow() {
  return useSyncExternalStore(subscribe, () => {
    if (!ticking) now = serverNow();
    return now;
  });
}
