const NOTES_HZ = [523.25, 659.25];
const EVERY_MS = 2_400;

/** A quiet two-note ring on the loudspeaker; it never goes into a call. */
export class Ring {
  private context: AudioContext | null = null;
  private again: ReturnType<typeof setInterval> | undefined;

  start() {
    if (this.again) return;
    this.context ??= new AudioContext();
    void this.context.resume();
    this.play();
    this.again = setInterval(() => this.play(), EVERY_MS);
  }

  stop() {
    clearInterval(this.again);
    this.again = undefined;
    void this.context?.suspend();
  }

  private play() {
    const context = this.context;
    if (!context) return;
    for (const [index, frequency] of NOTES_HZ.entries()) {
      const at = context.currentTime + index * 0.22;
      const loudness = context.createGain();
      loudness.gain.setValueAtTime(0, at);
      loudness.gain.linearRampToValueAtTime(0.09, at + 0.03);
      loudness.gain.exponentialRampToValueAtTime(0.0005, at + 0.6);
      const tone = new OscillatorNode(context, { type: "sine", frequency });
      tone.connect(loudness).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.65);
    }
  }
}
