import { describe, expect, it } from "vitest";
import type { FromServer, Offer } from "./messages";
import { type View, type Wish, consulting, currentLeg, currentOffer, nothing, reduce } from "./view";

const offer: Offer = {
  reservation: "rsv_1",
  call: "call_1",
  queue: "que_1",
  queue_name: "Support",
  caller: { number: "+40211234567", name: null, did: "+99912345678", did_label: "Test number", path: "1" },
  waiting_since_ms: 1_000,
  deadline_ms: 16_000,
  attempt: 1,
  script: "",
  assigned_by: null,
  own: false,
  contact: null,
};
const hello = { type: "hello", agent: "agt_1", name: "Ana", tenant: "tnt_1", company: "A", role: "owner" } as const;
const ring = { type: "ring", call: "call_1", leg: "leg_1", reservation: "rsv_1" } as const;
const told = (...messages: (FromServer | Wish)[]): View => messages.reduce(reduce, nothing);

describe("the desk", () => {
  it("shows an offer until it is accepted here, and the caller until the end", () => {
    const ringing = told(hello, { type: "offer", ...offer }, ring);
    expect(currentOffer(ringing)?.reservation).toBe("rsv_1");
    const accepted = reduce(ringing, { type: "accepted", leg: "leg_1" });
    expect(currentOffer(accepted)).toBeUndefined();
    const over = [
      { type: "offer_ended", reservation: "rsv_1", outcome: "answered" } as const,
      { type: "talking", leg: "leg_1", since_ms: 5_000 } as const,
      { type: "ended", leg: "leg_1", cause: "normal" } as const,
    ].reduce(reduce, accepted);
    expect(over.legs).toEqual([]);
    expect(over.callers.call_1?.caller.number).toBe("+40211234567");
  });

  it("shows mute at once and goes back when the server refuses", () => {
    const talking = told(hello, ring, { type: "talking", leg: "leg_1", since_ms: 5_000 });
    const wanted = reduce(talking, { type: "mute_wanted", leg: "leg_1", on: true });
    expect(wanted.legs[0]?.mutedWanted).toBe(true);
    expect(reduce(wanted, { type: "refused", message: "no" }).legs[0]?.mutedWanted).toBeNull();
    const muted = reduce(wanted, { type: "muted", leg: "leg_1", on: true });
    expect(muted.legs[0]).toMatchObject({ muted: true, mutedWanted: null });
  });

  it("keeps a call over a lost connection if the server still knows it", () => {
    const talking = told(hello, ring, { type: "talking", leg: "leg_1", since_ms: 5_000 });
    const back = [hello, ring, { type: "stale_dropped" } as const].reduce(reduce, talking);
    expect(currentLeg(back)?.talkingSince).toBe(5_000);
    const gone = [hello, { type: "stale_dropped" } as const].reduce(reduce, talking);
    expect(gone.legs).toEqual([]);
  });

  it("does not ring again for an offer that was answered, and still knows who called", () => {
    const state = { type: "state", since_ms: 0, reason: null, call: "call_1", queue: null, until_ms: null, deferred: null, lent_to: null, lent_until_ms: null } as const;
    const reloaded = told(hello, { ...state, state: "on_call" }, { type: "offer", ...offer }, ring);
    expect(currentOffer(reloaded)).toBeUndefined();
    expect(reloaded.callers.call_1).toBeDefined();
    const answered = told(hello, { ...state, state: "ringing" }, { type: "offer", ...offer }, { ...state, state: "on_call" });
    expect(answered.offers).toEqual([]);
  });

  it("shows who else is in the call, and a consultation as long as somebody is on hold", () => {
    const seat = (kind: "caller" | "agent", state: "here" | "held" | "ringing") => ({ leg: kind, kind, name: kind, state });
    const talking = told(hello, ring, { type: "talking", leg: "leg_1", since_ms: 5_000 });
    expect(consulting(talking.legs[0]?.seats ?? [])).toBe(false);
    const asked = reduce(talking, { type: "seats", leg: "leg_1", seats: [seat("caller", "held"), seat("agent", "here")] });
    expect(consulting(asked.legs[0]?.seats ?? [])).toBe(true);
    const three = reduce(asked, { type: "seats", leg: "leg_1", seats: [seat("caller", "here"), seat("agent", "here")] });
    expect(consulting(three.legs[0]?.seats ?? [])).toBe(false);
  });

  it("knows who was offered last, also when it is the same call again", () => {
    const of = (call: string, reservation: string) => ({ type: "offer", ...offer, call, reservation }) as const;
    const view = told(hello, of("call_a", "rsv_1"), of("call_b", "rsv_2"), of("call_a", "rsv_3"));
    expect(Object.keys(view.callers)).toEqual(["call_b", "call_a"]);
    expect(Object.values(view.callers).at(-1)?.reservation).toBe("rsv_3");
  });

  it("adds the contact that the CRM sent after the offer", () => {
    const contact = { contact: null, interactions: [] };
    const view = told(hello, { type: "offer", ...offer }, { type: "contact", reservation: "rsv_1", contact });
    expect(view.offers[0]?.contact).toEqual(contact);
    expect(view.callers.call_1?.contact).toEqual(contact);
  });
});
