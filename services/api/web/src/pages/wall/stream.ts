import { useEffect, useState } from "react";
import { learnSkew, serverNow } from "@/format/clock";

export type Board = {
  name: string;
  company: string;
  at_ms: number;
  queues: {
    name: string;
    waiting: number;
    longest_waiting_since_ms: number | null;
    signed_in: number;
    free: number;
    offered: number;
    answered: number;
    abandoned: number;
    service_level: number | null;
    asa_ms: number | null;
  }[];
};

export type Watched = { board: Board | null; heardAt: number | null; revoked: boolean };

const AGAIN_MS = 3_000;

/** The figures behind a link, for as long as it is not revoked. */
export function useBoard(token: string): Watched {
  const [watched, setWatched] = useState<Watched>({ board: null, heardAt: null, revoked: false });
  useEffect(() => {
    const stop = new AbortController();
    let again: ReturnType<typeof setTimeout>;
    const watch = async () => {
      const revoked = await follow(token, stop.signal, (board) =>
        setWatched({ board, heardAt: serverNow(), revoked: false }),
      ).catch(() => false);
      if (stop.signal.aborted) return;
      if (revoked) setWatched({ board: null, heardAt: null, revoked: true });
      else again = setTimeout(() => void watch(), AGAIN_MS);
    };
    void watch();
    return () => {
      stop.abort();
      clearTimeout(again);
    };
  }, [token]);
  return watched;
}

/** Until the stream ends; whether the link is no longer valid. */
async function follow(token: string, signal: AbortSignal, show: (board: Board) => void): Promise<boolean> {
  // The token stays out of addresses, which are written down in many places.
  const response = await fetch("/v1/wallboard", { headers: { authorization: `Bearer ${token}` }, signal });
  learnSkew(response.headers.get("date"));
  if (response.status === 401) return true;
  if (!response.ok || !response.body) return false;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return false;
    text += value;
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const data = event.split("\n").find((line) => line.startsWith("data:"));
      if (data) show(JSON.parse(data.slice(5)) as Board);
    }
  }
}
