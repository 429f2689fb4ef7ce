// Time and chance as the speaker sees them, so that tests can bring their own.
//
// Durations come from the monotonic clock: a step of the wall clock must not end a session.

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic. */
  nowMs(): number;
  /** For people. ISO 8601. */
  isoTime(): string;
  after(delayMs: number, run: () => void): Timer;
  /** Runs once everything that has already arrived was read. */
  afterInput(run: () => void): void;
  /** In [0, 1). */
  random(): number;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  isoTime: () => new Date().toISOString(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
  afterInput: (run) => {
    setImmediate(run);
  },
  random: Math.random,
};
