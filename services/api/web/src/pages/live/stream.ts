import { useEffect, useState } from "react";
import type { Live } from "@/api/types";
import { serverNow } from "@/format/clock";

const AGAIN_MS = 2_000;

export type Watched = { live: Live | null; heardAt: number | null; connected: boolean };

/** The live view, kept whole: every event brings all of it. */
export function useLive(): Watched {
  const [watched, setWatched] = useState<Watched>({ live: null, heardAt: null, connected: false });
  useEffect(() => {
    let source: EventSource;
    let again: ReturnType<typeof setTimeout>;
    const open = () => {
      source = new EventSource("/v1/live");
      source.addEventListener("live", (event: MessageEvent<string>) => {
        const live = JSON.parse(event.data) as Live;
        setWatched({ live, heardAt: serverNow(), connected: true });
      });
      source.addEventListener("error", () => {
        setWatched((last) => ({ ...last, connected: false }));
        // The browser gives up after an answer that is not a stream.
        if (source.readyState === EventSource.CLOSED) again = setTimeout(open, AGAIN_MS);
      });
    };
    open();
    return () => {
      clearTimeout(again);
      source.close();
    };
  }, []);
  return watched;
}
