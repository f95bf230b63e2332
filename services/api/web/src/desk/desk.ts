import i18next from "i18next";
import { useSyncExternalStore } from "react";
import { toast } from "@/components/ui/toast";
import { sentence } from "@/api/words";
import { Line, type MicrophoneTrouble, microphone, testing, troubleOf } from "./line";
import { timeOfDay } from "@/format/format";
import { onDevices } from "./devices";
import type { FromDesk, FromServer, Ring as RingMessage, Supervision, Target } from "./messages";
import { PhoneLock } from "./phone-lock";
import { Ring } from "./ring";
import { DeskSocket, type Link } from "./socket";
import { type View, type Wish, nothing, reduce } from "./view";

/** Time in which the server tells its legs again after the connection came back. */
const RETOLD_MS = 3_000;

export type Snapshot = View & {
  link: Link;
  /** This tab rings and carries the sound; null: not known yet. */
  ownsPhone: boolean | null;
  trouble: MicrophoneTrouble | null;
  connections: Record<string, RTCPeerConnectionState>;
};

const initial: Snapshot = { ...nothing, link: "connecting", ownsPhone: null, trouble: null, connections: {} };

/** The agent's desk in this tab. It outlives pages: one may look around during a call. */
class Desk {
  private snapshot = initial;
  private readonly listeners = new Set<() => void>();
  private readonly lines = new Map<string, Line>();
  private readonly ring = new Ring();
  private socket: DeskSocket | null = null;
  private lock: PhoneLock | null = null;
  private devices: (() => void) | null = null;
  /** How the next supervisor's leg was asked for. */
  private comesAs: Supervision | null = null;
  /** Accepted before its leg rang here. */
  private acceptNext: string | null = null;

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  readonly get = () => this.snapshot;

  /** Connects as the one who is signed in; again is nothing. */
  open(agent: string) {
    if (this.socket) return;
    this.socket = new DeskSocket(
      (message) => this.take(message),
      (link) => this.set({ link }),
    );
    this.lock = new PhoneLock(`trunkline.phone.${agent}`, (owns) => this.owns(owns));
    this.socket.open();
    this.lock.open();
    this.devices = onDevices(() => {
      for (const line of this.lines.values()) void line.changeDevices();
    });
  }

  /** Signs out of the desk in this tab. */
  close() {
    this.socket?.close();
    this.lock?.close();
    this.devices?.();
    this.socket = null;
    this.lock = null;
    this.dropLines(new Set());
    this.snapshot = initial;
    this.ring.stop();
    this.told();
  }

  // ── what the agent does ─────────────────────────────────────────────────

  /** Asks for the microphone first: better here than when it rings. */
  async available() {
    try {
      const stream = await microphone();
      for (const track of stream.getTracks()) track.stop();
      this.set({ trouble: null });
    } catch (error) {
      this.set({ trouble: troubleOf(error) });
      return;
    }
    this.send({ type: "available" });
  }

  takeBreak(reason: string) {
    this.send({ type: "aux", reason });
  }

  offline() {
    this.send({ type: "offline" });
  }

  accept(reservation: string) {
    const leg = this.snapshot.legs.find((one) => one.reservation === reservation);
    if (!leg) {
      // It rings in another tab: take the phone, and accept when it rings here.
      this.acceptNext = reservation;
      this.lock?.steal();
      return;
    }
    this.accepted(leg.leg);
  }

  private accepted(leg: string) {
    if (!this.send({ type: "accept", leg })) return;
    this.lines.get(leg)?.speak(true);
    this.apply({ type: "accepted", leg });
  }

  decline(reservation: string) {
    const leg = this.snapshot.legs.find((one) => one.reservation === reservation);
    if (leg) this.send({ type: "decline", leg: leg.leg });
  }

  mute(leg: string, on: boolean) {
    if (!this.send({ type: "mute", leg, on })) return;
    this.lines.get(leg)?.speak(!on);
    this.apply({ type: "mute_wanted", leg, on });
  }

  hold(leg: string, on: boolean) {
    if (this.send({ type: "hold", leg, on })) this.apply({ type: "hold_wanted", leg, on });
  }

  key(leg: string, key: string) {
    this.send({ type: "key", leg, key });
  }

  hangUp(leg: string) {
    this.send({ type: "hang_up", leg });
  }

  finish(call: string, disposition?: string, note?: string) {
    this.send({ type: "finish_wrap_up", call, disposition, note });
  }

  /** Hands the caller over, asks somebody first, or adds somebody. */
  connect(way: "transfer" | "consult" | "invite", leg: string, to: Target) {
    this.send({ type: way, leg, to });
  }

  say(what: "swap" | "complete" | "cancel" | "conference", leg: string) {
    this.send({ type: what, leg });
  }

  remove(leg: string, party: string) {
    this.send({ type: "remove", leg, party });
  }

  /** Calls a number or a colleague, maybe for a task; needs the microphone as a call that comes in does. */
  call(to: Target, callback?: string) {
    this.send({ type: "call", to, callback });
  }

  /** Comes into somebody else's call, or goes on another way where one is in it. */
  superviseCall(call: string, how: Supervision) {
    if (!this.send({ type: "supervise_call", call, how })) return;
    this.comesAs = how;
    const leg = this.snapshot.legs.find((one) => one.call === call && one.purpose === "supervise");
    if (leg) this.apply({ type: "supervision_wanted", leg: leg.leg, how });
  }

  raiseHand(on: boolean) {
    this.send({ type: "hand", on });
  }

  read(message: { at_ms: number }) {
    this.apply({ type: "message_read", at_ms: message.at_ms });
  }

  takePhone() {
    this.lock?.steal();
  }

  // ── what comes in ───────────────────────────────────────────────────────

  private take(message: FromServer) {
    if (message.type === "ring" && !this.ringsHere(message.reservation)) return;
    this.apply(message);
    switch (message.type) {
      case "hello":
        if (this.snapshot.ownsPhone !== null) this.send({ type: "phone", owns: this.snapshot.ownsPhone });
        setTimeout(() => this.apply({ type: "stale_dropped" }), RETOLD_MS);
        break;
      case "ring":
        this.ringing(message);
        break;
      case "offer":
        this.acceptOwn(message.reservation);
        break;
      case "sdp":
        void this.lines.get(message.leg)?.answer(message.sdp);
        break;
      case "renew":
        // What carried the sound is gone: another takes it up from a new offer.
        void this.lines.get(message.leg)?.start();
        break;
      case "refused":
        toast("bad", sentence(message.message));
        break;
      case "moved":
        toast("info", i18next.t("supervise.moved", { by: message.by, skills: message.skills.join(", ") || "—" }));
        break;
      case "lent":
        toast("info", i18next.t("loan.lent", { by: message.by, queue: message.queue, time: timeOfDay(message.until_ms, i18next.language) }));
        break;
      case "invite_failed":
        toast("bad", i18next.t("parties.failed", { name: message.name }));
        break;
      default:
    }
  }

  private ringsHere(reservation: string) {
    return this.snapshot.ownsPhone !== false || this.acceptNext === reservation;
  }

  private ringing({ leg, reservation, purpose }: RingMessage) {
    if (!this.lines.has(leg)) this.wire(leg);
    // The agent wanted these: nobody is asked again.
    if (purpose === "dial" || purpose === "supervise") this.accepted(leg);
    if (purpose === "supervise" && this.comesAs) {
      this.apply({ type: "supervision_wanted", leg, how: this.comesAs });
    }
    this.acceptOwn(reservation);
    if (this.acceptNext === reservation) {
      this.acceptNext = null;
      this.accept(reservation);
    }
  }

  /** A caller whom one took from the queue: the leg and what is known of the caller come in any order. */
  private acceptOwn(reservation: string) {
    const own = this.snapshot.offers.some((offer) => offer.reservation === reservation && offer.own);
    const leg = this.snapshot.legs.find((one) => one.reservation === reservation && !one.accepted);
    if (own && leg) this.accepted(leg.leg);
  }

  private wire(id: string) {
    const line = new Line(id, {
      send: (message) => this.send(message),
      trouble: (trouble) => this.set({ trouble }),
      connection: (state) => this.set({ connections: { ...this.snapshot.connections, [id]: state } }),
    });
    this.lines.set(id, line);
    void line.start();
  }

  private owns(owns: boolean) {
    this.set({ ownsPhone: owns });
    this.send({ type: "phone", owns });
    if (!owns) this.apply({ type: "phone_lost" });
  }

  private apply(message: FromServer | Wish) {
    this.snapshot = { ...this.snapshot, ...reduce(this.snapshot, message) };
    this.follow();
    this.told();
  }

  /** Sound follows what is known: lines without a leg close, the microphone opens when they talk. */
  private follow() {
    const { legs } = this.snapshot;
    this.dropLines(new Set(legs.map((leg) => leg.leg)));
    for (const leg of legs) {
      this.lines.get(leg.leg)?.speak(leg.accepted && !(leg.mutedWanted ?? leg.muted));
    }
    const rings = legs.some((leg) => !leg.accepted);
    if (rings && !testing()) this.ring.start();
    else this.ring.stop();
  }

  private dropLines(kept: Set<string>) {
    for (const [id, line] of this.lines) {
      if (kept.has(id)) continue;
      line.close();
      this.lines.delete(id);
    }
  }

  private send(message: FromDesk): boolean {
    return this.socket?.send(message) ?? false;
  }

  private set(part: Partial<Snapshot>) {
    this.snapshot = { ...this.snapshot, ...part };
    this.told();
  }

  private told() {
    for (const listener of this.listeners) listener();
  }
}

export const desk = new Desk();

export const useDesk = () => useSyncExternalStore(desk.subscribe, desk.get);
