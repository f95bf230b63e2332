import type { AgentState, FromServer, Hello, Offer, Ring, Seat, Supervision, Unheard } from "./messages";

/** The way of one call to this browser. */
export type Leg = {
  leg: string;
  call: string;
  reservation: string;
  purpose: NonNullable<Ring["purpose"]>;
  /** Who calls, where no offer says it. */
  number: string;
  name: string;
  /** Who else is in the call; empty: the caller alone. */
  seats: Seat[];
  /** Of whom nothing is heard though it should be. */
  unheard: Unheard[];
  /** On a supervisor's leg: how, as asked for last. */
  supervision: Supervision | null;
  /** Accepted here; the server says when they talk. */
  accepted: boolean;
  talkingSince: number | null;
  /** What the server says. */
  held: boolean;
  muted: boolean;
  /** What was asked and is not confirmed yet; shown at once. */
  heldWanted: boolean | null;
  mutedWanted: boolean | null;
  /** Not heard of since the connection came back. */
  stale: boolean;
};

/** What the desk knows, from which everything on the page follows. */
export type View = {
  hello: Hello | null;
  state: AgentState | null;
  offers: Offer[];
  legs: Leg[];
  /** Who called: the offers by call, kept for the conversation and wrap-up. */
  callers: Record<string, Offer>;
  /** A supervisor is asked for. */
  hand: boolean;
  /** Words from colleagues, the newest last; read ones are put away. */
  messages: DeskMessage[];
  /** The last call that a supervisor began to listen to, where the company says so to its agents. */
  listened: { call: string; by: string } | null;
};

export type DeskMessage = { from: string; text: string; at_ms: number };

/** What the agent did here, before the server confirms it. */
export type Wish =
  | { type: "accepted"; leg: string }
  | { type: "mute_wanted"; leg: string; on: boolean }
  | { type: "hold_wanted"; leg: string; on: boolean }
  | { type: "supervision_wanted"; leg: string; how: Supervision }
  | { type: "message_read"; at_ms: number }
  | { type: "stale_dropped" }
  | { type: "phone_lost" };

/** Callers remembered; the oldest is forgotten first. */
const CALLERS_MAX = 20;
const MESSAGES_MAX = 20;

export const nothing: View = {
  hello: null,
  state: null,
  offers: [],
  legs: [],
  callers: {},
  hand: false,
  messages: [],
  listened: null,
};

export function reduce(view: View, message: FromServer | Wish): View {
  switch (message.type) {
    case "hand":
      return { ...view, hand: message.on };
    case "message": {
      const { from, text, at_ms } = message;
      return { ...view, messages: [...view.messages, { from, text, at_ms }].slice(-MESSAGES_MAX) };
    }
    case "listened":
      return { ...view, listened: { call: message.call, by: message.by } };
    case "supervision_wanted":
      return change(view, message.leg, { supervision: message.how });
    case "message_read":
      return { ...view, messages: view.messages.filter((one) => one.at_ms !== message.at_ms) };
    case "hello":
      // The server tells everything again after it.
      return { ...view, hello: message, hand: false, offers: [], legs: view.legs.map((leg) => ({ ...leg, stale: true })) };
    case "state":
      // An offer lasts as long as it rings; its end need not be told apart.
      return { ...view, state: message, offers: message.state === "ringing" ? view.offers : [] };
    case "offer":
      return offered(view, message);
    case "contact":
      return withContact(view, message.reservation, message.contact);
    case "offer_ended":
      return { ...view, offers: view.offers.filter((offer) => offer.reservation !== message.reservation) };
    case "ring":
      return rung(view, message);
    case "talking":
      return change(view, message.leg, { talkingSince: message.since_ms, accepted: true });
    case "held":
      return change(view, message.leg, { held: message.on, heldWanted: null });
    case "muted":
      return change(view, message.leg, { muted: message.on, mutedWanted: null });
    case "seats":
      return change(view, message.leg, { seats: message.seats });
    case "unheard":
      return change(view, message.leg, { unheard: message.parties });
    case "ended":
      return { ...view, legs: view.legs.filter((leg) => leg.leg !== message.leg) };
    case "accepted":
      return change(view, message.leg, { accepted: true });
    case "mute_wanted":
      return change(view, message.leg, { mutedWanted: message.on });
    case "hold_wanted":
      return change(view, message.leg, { heldWanted: message.on });
    case "stale_dropped":
      return { ...view, legs: view.legs.filter((leg) => !leg.stale) };
    case "phone_lost":
      return { ...view, legs: [] };
    case "refused":
      // What was asked is not so: back to what the server said last.
      return { ...view, legs: view.legs.map((leg) => ({ ...leg, heldWanted: null, mutedWanted: null })) };
    case "sdp":
    case "renew":
    case "invite_failed":
    case "moved":
    case "lent":
      return view;
  }
}

function offered(view: View, offer: Offer): View {
  const others = view.offers.filter((one) => one.reservation !== offer.reservation);
  // Whoever is offered again is the last one again.
  const before = Object.entries(view.callers).filter(([call]) => call !== offer.call);
  const kept = Object.fromEntries([...before, [offer.call, offer] as const].slice(-CALLERS_MAX));
  const rings = view.state === null || view.state.state === "ringing";
  return { ...view, offers: rings ? [...others, offer] : others, callers: kept };
}

function withContact(view: View, reservation: string, contact: Offer["contact"]): View {
  const filled = (offer: Offer) => (offer.reservation === reservation ? { ...offer, contact } : offer);
  const callers = Object.entries(view.callers).map(([call, offer]) => [call, filled(offer)] as const);
  return { ...view, offers: view.offers.map(filled), callers: Object.fromEntries(callers) };
}

function rung(view: View, ring: Ring): View {
  if (view.legs.some((leg) => leg.leg === ring.leg)) return change(view, ring.leg, { stale: false });
  const leg: Leg = {
    leg: ring.leg,
    call: ring.call,
    reservation: ring.reservation,
    purpose: ring.purpose ?? "",
    number: ring.number ?? "",
    name: ring.name ?? "",
    seats: [],
    unheard: [],
    supervision: null,
    accepted: false,
    talkingSince: null,
    held: false,
    muted: false,
    heldWanted: null,
    mutedWanted: null,
    stale: false,
  };
  return { ...view, legs: [...view.legs, leg] };
}

function change(view: View, id: string, to: Partial<Leg>): View {
  return { ...view, legs: view.legs.map((leg) => (leg.leg === id ? { ...leg, ...to } : leg)) };
}

/** Somebody is asked while somebody else is on hold. */
export const consulting = (seats: Seat[]) => seats.length > 1 && seats.some((seat) => seat.state === "held");

/** The leg on which one talks, or is about to. */
export const currentLeg = (view: View) =>
  view.legs.find((leg) => leg.talkingSince !== null) ?? view.legs.find((leg) => leg.accepted);

/** The offer that rings first. */
export const currentOffer = (view: View) => {
  const accepted = new Set(view.legs.filter((leg) => leg.accepted).map((leg) => leg.reservation));
  return view.offers.find((offer) => !accepted.has(offer.reservation));
};
