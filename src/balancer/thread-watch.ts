// Which worker threads of the daemon hang, by their heartbeats (heartbeats.ts). Main thread.
//
// Packets go on without them, by the tables and the health of before, so there is time to be certain: a compile of the largest
// document keeps the config worker for seconds, and on a loaded machine for several times as long. Time in which this thread did
// not run itself does not count.

import { type BeatingThread, beatingThreads } from '../heartbeats.ts';

export const silenceLimitMs = 120_000;
export const lookMs = 1000;
/** What one look counts for at most. */
const ownPauseMs = 2000;

export class ThreadWatch {
  readonly #words: Int32Array;
  readonly #onChange: (stuck: readonly BeatingThread[]) => void;
  #last: readonly number[] = [];
  #silentMs: readonly number[] = [];
  #lookedAtMs = 0;
  #stuck: readonly BeatingThread[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** `words` as openHeartbeats() gave them; `onChange` when other threads hang than before. */
  constructor(words: Int32Array, onChange: (stuck: readonly BeatingThread[]) => void) {
    this.#words = words;
    this.#onChange = onChange;
  }

  get stuck(): readonly BeatingThread[] {
    return this.#stuck;
  }

  start(): void {
    this.#lookedAtMs = performance.now();
    this.#timer = setInterval(() => this.#look(), lookMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const passedMs = Math.min(now - this.#lookedAtMs, ownPauseMs);
    const beats = beatingThreads.map((_, word) => Atomics.load(this.#words, word));
    const isSilent = (beat: number, word: number): boolean => beat !== 0 && beat === this.#last[word];
    this.#silentMs = beats.map((beat, word) => (isSilent(beat, word) ? (this.#silentMs[word] ?? 0) + passedMs : 0));
    this.#last = beats;
    this.#lookedAtMs = now;
    const stuck = beatingThreads.filter((_, word) => (this.#silentMs[word] ?? 0) >= silenceLimitMs);
    if (stuck.join() === this.#stuck.join()) return;
    this.#stuck = stuck;
    this.#onChange(stuck);
  }
}
