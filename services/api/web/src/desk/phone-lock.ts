/** Until this passes without the lock, another tab has it. */
const GRANTED_WITHIN_MS = 250;

/** One tab of this browser holds the phone: only that one rings and carries the sound. */
export class PhoneLock {
  private release: (() => void) | null = null;
  private waiting: AbortController | null = null;
  private closed = false;

  constructor(
    private readonly name: string,
    private readonly onChange: (owns: boolean) => void,
  ) {}

  /** Takes the lock as soon as it is free; says so if it is not free now. */
  open() {
    if (!navigator.locks) {
      this.onChange(true);
      return;
    }
    const late = setTimeout(() => {
      if (!this.release && !this.closed) this.onChange(false);
    }, GRANTED_WITHIN_MS);
    this.waiting = new AbortController();
    const { signal } = this.waiting;
    this.hold({ signal }, () => clearTimeout(late));
  }

  /** Takes the phone from the tab that has it. */
  steal() {
    if (!navigator.locks || this.release) return;
    this.waiting?.abort();
    this.hold({ steal: true }, () => {});
  }

  close() {
    this.closed = true;
    this.waiting?.abort();
    this.release?.();
  }

  private hold(options: LockOptions, granted: () => void) {
    const held = navigator.locks.request(this.name, options, () => {
      granted();
      if (this.closed) return undefined;
      this.onChange(true);
      return new Promise<void>((resolve) => {
        this.release = resolve;
      });
    });
    held.catch(() => this.lost());
  }

  /** Another tab took it: wait for it to come back. */
  private lost() {
    if (!this.release || this.closed) return;
    this.release = null;
    this.onChange(false);
    this.open();
  }
}
