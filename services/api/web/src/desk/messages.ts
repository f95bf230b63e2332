// The desk's JSON messages, as the server's desk/message.rs has them.
import type { Card } from "@/api/types";

export type StateName = "offline" | "available" | "aux" | "ringing" | "on_call" | "wrap_up" | "missed";

export type AgentState = {
  state: StateName;
  since_ms: number;
  reason: string | null;
  call: string | null;
  queue: string | null;
  until_ms: number | null;
  deferred: string | null;
  /** The queue that one serves for a time, and until when. */
  lent_to: string | null;
  lent_until_ms: number | null;
};

export type Offer = {
  reservation: string;
  call: string;
  queue: string;
  queue_name: string;
  caller: { number: string; name: string | null; did: string; did_label: string; path: string };
  waiting_since_ms: number;
  deadline_ms: number;
  attempt: number;
  /** What the queue wants said, its placeholders not filled in. */
  script: string;
  /** The supervisor who chose the agent; null: the queue did. */
  assigned_by: string | null;
  /** Asked for here: accepted without asking. */
  own: boolean;
  contact: Card | null;
};

export type Hello = { agent: string; name: string; tenant: string; company: string; role: string };

/** A leg that rings. Without a purpose it is a caller of a queue. */
export type Ring = {
  call: string;
  leg: string;
  reservation: string;
  purpose?: "" | "transfer" | "consult" | "conference" | "dial" | "supervise";
  number?: string;
  name?: string;
};

/** Whom a call is handed to or connected with. */
export type Target = { agent: string } | { queue: string } | { number: string };

/** How a supervisor is in a call: unheard, heard by the agent, heard by all, in the agent's place. */
export const SUPERVISIONS = ["listen", "whisper", "barge", "take_over"] as const;
export type Supervision = (typeof SUPERVISIONS)[number];

/** A party of the call beside the agent. */
export type Seat = {
  leg: string;
  kind: "caller" | "agent" | "number";
  name: string;
  state: "ringing" | "here" | "held" | "whispers";
};

/** A party of which nothing is heard; self: the agent here. */
export type Unheard = { kind: "caller" | "agent" | "number" | "self"; name: string };

export type FromServer =
  | ({ type: "hello" } & Hello)
  | ({ type: "state" } & AgentState)
  | ({ type: "offer" } & Offer)
  | { type: "contact"; reservation: string; contact: Card }
  | { type: "offer_ended"; reservation: string; outcome: string }
  | ({ type: "ring" } & Ring)
  | { type: "seats"; leg: string; seats: Seat[] }
  | { type: "unheard"; leg: string; parties: Unheard[] }
  | { type: "invite_failed"; leg: string; name: string; outcome: string }
  | { type: "sdp"; leg: string; sdp: string }
  | { type: "renew"; leg: string }
  | { type: "talking"; leg: string; since_ms: number }
  | { type: "held"; leg: string; on: boolean }
  | { type: "muted"; leg: string; on: boolean }
  | { type: "ended"; leg: string; cause: string }
  | { type: "hand"; on: boolean }
  | { type: "message"; from: string; text: string; at_ms: number }
  | { type: "listened"; call: string; by: string }
  | { type: "moved"; by: string; skills: string[] }
  | { type: "lent"; by: string; queue: string; until_ms: number }
  | { type: "refused"; message: string };

export type FromDesk =
  | { type: "available" }
  | { type: "aux"; reason: string }
  | { type: "offline" }
  | { type: "finish_wrap_up"; call: string; disposition?: string; note?: string }
  | { type: "sdp"; leg: string; sdp: string }
  | { type: "accept"; leg: string }
  | { type: "decline"; leg: string }
  | { type: "mute"; leg: string; on: boolean }
  | { type: "hold"; leg: string; on: boolean }
  | { type: "key"; leg: string; key: string }
  | { type: "hang_up"; leg: string }
  | { type: "transfer" | "consult" | "invite"; leg: string; to: Target }
  | { type: "swap" | "complete" | "cancel" | "conference"; leg: string }
  | { type: "remove"; leg: string; party: string }
  | { type: "supervise_call"; call: string; how: Supervision }
  | { type: "call"; to: Target; callback?: string }
  | { type: "hand"; on: boolean }
  | { type: "phone"; owns: boolean };
