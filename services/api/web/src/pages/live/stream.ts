import { useEffect, useState } from "react";
import type { Live, LiveDelta } from "@/api/figures";
import { serverNow } from "@/format/clock";
import { fold } from "./fold";

const AGAIN_MS = 2_000;
/** A second brings an event: after so long without one the connection is dead, whatever it says. */
const QUIET_MS = 8_000;

export type Watched = { live: Live | null; heardAt: number | null; connected: boolean };

/** A live view: whole at first, then what changed; a lost connection goes on where it was. */
export function useLive(path: "/v1/live" | "/v1/live/waiting" = "/v1/live"): Watched {
  const [watched, setWatched] = useState<Watched>({ live: null, heardAt: null, connected: false });
  useEffect(() => {
    let source: EventSource;
    let again: ReturnType<typeof setTimeout>;
    let quiet: ReturnType<typeof setTimeout>;
    let live: Live | null = null;
    let last = "";
    const show = (event: MessageEvent<string>, next: Live) => {
      live = next;
      last = event.lastEventId;
      listen();
      setWatched({ live, heardAt: serverNow(), connected: true });
    };
    const reopen = () => {
      source.close();
      setWatched((before) => ({ ...before, connected: false }));
      open();
    };
    const listen = () => {
      clearTimeout(quiet);
      quiet = setTimeout(reopen, QUIET_MS);
    };
    const open = () => {
      listen();
      source = new EventSource(last ? `${path}?after=${encodeURIComponent(last)}` : path);
      source.addEventListener("live", (event: MessageEvent<string>) => show(event, JSON.parse(event.data) as Live));
      source.addEventListener("delta", (event: MessageEvent<string>) => {
        if (live) show(event, fold(live, JSON.parse(event.data) as LiveDelta));
      });
      source.addEventListener("error", () => {
        setWatched((before) => ({ ...before, connected: false }));
        // The browser gives up after an answer that is not a stream.
        if (source.readyState === EventSource.CLOSED) {
          clearTimeout(again);
          again = setTimeout(open, AGAIN_MS);
        }
      });
    };
    open();
    return () => {
      clearTimeout(again);
      clearTimeout(quiet);
      source.close();
    };
  }, [path]);
  return watched;
}
