import type { FromDesk, FromServer } from "./messages";

export type Link = "connecting" | "open" | "lost" | "closed";

/** Waits before the next attempt; the last one repeats. */
const BACKOFF_MS = [300, 700, 1_500, 3_000, 6_000, 10_000];
/** RFC 6455 policy violation: the session has ended. */
const POLICY = 1008;

/** The WebSocket to the desk, opened again whenever it breaks. */
export class DeskSocket {
  private socket: WebSocket | null = null;
  private failures = 0;
  private again: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    private readonly onMessage: (message: FromServer) => void,
    private readonly onLink: (link: Link) => void,
  ) {}

  open() {
    this.closed = false;
    this.connect();
    addEventListener("online", this.now);
  }

  close() {
    this.closed = true;
    clearTimeout(this.again);
    removeEventListener("online", this.now);
    this.socket?.close();
    this.socket = null;
  }

  /** False: there is no connection, nothing was sent. */
  send(message: FromDesk): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  private readonly now = () => {
    if (this.socket?.readyState === WebSocket.OPEN) return;
    clearTimeout(this.again);
    this.connect();
  };

  private connect() {
    if (this.closed) return;
    this.onLink(this.failures === 0 ? "connecting" : "lost");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/v1/desk`);
    this.socket = socket;
    socket.addEventListener("open", () => {
      if (socket === this.socket) this.onLink("open");
    });
    socket.addEventListener("message", (event) => {
      if (socket !== this.socket || typeof event.data !== "string") return;
      this.failures = 0;
      this.onMessage(JSON.parse(event.data) as FromServer);
    });
    socket.addEventListener("close", (event) => {
      if (socket === this.socket) this.ended(event.code);
    });
  }

  private ended(code: number) {
    this.socket = null;
    if (this.closed) return;
    if (code === POLICY) {
      this.close();
      this.onLink("closed");
      return;
    }
    const wait = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)] ?? 10_000;
    this.failures += 1;
    this.onLink("lost");
    // Spread, so that a restarted server does not meet all desks at once.
    this.again = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2));
  }
}
