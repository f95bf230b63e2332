import { devices, playAt } from "./devices";
import type { FromDesk } from "./messages";

/** Candidates later than this are not waited for: the gateway learns the address from the packets. */
const GATHERING_MAX_MS = 500;
const RESTARTS_MAX = 3;
const PREFERRED = ["audio/pcma", "audio/pcmu"];

/** Tests listen to the line itself: nothing may change the sound, and nothing rings. */
export const testing = () =>
  new URLSearchParams(location.search).has("e2e") || localStorage.getItem("trunkline.e2e") !== null;

export type MicrophoneTrouble = "denied" | "missing" | "insecure";

/** The chosen microphone, or this one; empty: as the browser has it. */
export function microphone(deviceId = devices().microphone): Promise<MediaStream> {
  const natural = !testing();
  if (!navigator.mediaDevices) return Promise.reject(new DOMException("", "InsecureContext"));
  const processing = { echoCancellation: natural, noiseSuppression: natural, autoGainControl: natural };
  const chosen = deviceId ? { ...processing, deviceId: { exact: deviceId } } : processing;
  return navigator.mediaDevices.getUserMedia({ audio: chosen }).catch((error: unknown) => {
    // The chosen one is unplugged: another is better than none.
    const gone = error instanceof DOMException && error.name === "OverconstrainedError";
    if (gone) return navigator.mediaDevices.getUserMedia({ audio: processing });
    throw error;
  });
}

/** Why there is no microphone, as far as the browser tells. */
export function troubleOf(error: unknown): MicrophoneTrouble {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "InsecureContext") return "insecure";
  return name === "NotAllowedError" ? "denied" : "missing";
}

declare global {
  interface Window {
    __trunkline?: { pc: RTCPeerConnection; remoteStream: MediaStream };
  }
}

type Events = {
  send: (message: FromDesk) => void;
  trouble: (trouble: MicrophoneTrouble) => void;
  connection: (state: RTCPeerConnectionState) => void;
};

/** The sound of one leg: microphone to gateway, gateway to loudspeaker. */
export class Line {
  private pc: RTCPeerConnection | null = null;
  private stream: MediaStream | null = null;
  private speaks = false;
  private restarts = 0;
  private closed = false;
  private readonly audio = document.createElement("audio");

  constructor(
    readonly leg: string,
    private readonly events: Events,
  ) {
    this.audio.autoplay = true;
    this.audio.dataset.testid = "remote-audio";
    this.audio.hidden = true;
    document.body.append(this.audio);
  }

  /** Connects while it still rings: the answer is then a matter of a moment. */
  async start() {
    try {
      this.stream ??= await microphone();
    } catch (error) {
      this.events.trouble(troubleOf(error));
      return;
    }
    if (this.closed) {
      this.stopMicrophone();
      return;
    }
    this.speak(this.speaks);
    await this.offer();
  }

  async answer(sdp: string) {
    if (this.pc?.signalingState !== "have-local-offer") return;
    await this.pc.setRemoteDescription({ type: "answer", sdp });
  }

  /** Whether the microphone is heard; not before the agent accepted. */
  speak(on: boolean) {
    this.speaks = on;
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = on;
  }

  /** Another microphone or loudspeaker in the middle of a call. */
  async changeDevices() {
    void playAt(this.audio);
    const [sender] = this.pc?.getSenders() ?? [];
    const stream = await microphone().catch(() => null);
    const [track] = stream?.getAudioTracks() ?? [];
    if (!stream || !track || !sender || this.closed) return;
    this.stopMicrophone();
    this.stream = stream;
    this.speak(this.speaks);
    await sender.replaceTrack(track);
  }

  close() {
    this.closed = true;
    this.pc?.close();
    this.stopMicrophone();
    this.audio.srcObject = null;
    this.audio.remove();
    if (window.__trunkline?.pc === this.pc) delete window.__trunkline;
  }

  private stopMicrophone() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
  }

  private async offer() {
    this.pc?.close();
    const pc = new RTCPeerConnection();
    this.pc = pc;
    const [track] = this.stream?.getAudioTracks() ?? [];
    if (!track || !this.stream) return;
    const transceiver = pc.addTransceiver(track, { direction: "sendrecv", streams: [this.stream] });
    preferTelephony(transceiver);
    pc.addEventListener("track", (event) => this.hear(pc, event));
    pc.addEventListener("connectionstatechange", () => this.moved(pc));
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    const sdp = pc.localDescription?.sdp;
    if (sdp && pc === this.pc && !this.closed) this.events.send({ type: "sdp", leg: this.leg, sdp });
  }

  private hear(pc: RTCPeerConnection, event: RTCTrackEvent) {
    const remoteStream = event.streams[0] ?? new MediaStream([event.track]);
    this.audio.srcObject = remoteStream;
    void playAt(this.audio);
    this.audio.play().catch(() => {
      // Without a click on the page so far the browser waits for one; any will do.
      document.addEventListener("click", () => void this.audio.play(), { once: true });
    });
    if (testing()) window.__trunkline = { pc, remoteStream };
  }

  private moved(pc: RTCPeerConnection) {
    if (pc !== this.pc || this.closed) return;
    this.events.connection(pc.connectionState);
    if (pc.connectionState === "connected") this.restarts = 0;
    if (pc.connectionState !== "failed" || this.restarts >= RESTARTS_MAX) return;
    this.restarts += 1;
    void this.offer();
  }
}

/** G.711 first: what the telephone network speaks needs no conversion. */
function preferTelephony(transceiver: RTCRtpTransceiver) {
  const known = RTCRtpReceiver.getCapabilities("audio")?.codecs ?? [];
  const rank = (codec: { mimeType: string }) => {
    const at = PREFERRED.indexOf(codec.mimeType.toLowerCase());
    return at < 0 ? PREFERRED.length : at;
  };
  if (known.length > 0) transceiver.setCodecPreferences(known.toSorted((a, b) => rank(a) - rank(b)));
}

function gathered(pc: RTCPeerConnection): Promise<void> {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timeout = setTimeout(resolve, GATHERING_MAX_MS);
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState !== "complete") return;
      clearTimeout(timeout);
      resolve();
    });
  });
}
