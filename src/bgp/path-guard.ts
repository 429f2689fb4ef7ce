// Between main and the speaker: withholds what the packet path forwards while one of its workers stands still. Runs in the bgp worker.
//
// Main does the same, earlier and for more reasons (control/path-watch.ts), but it may be the one that cannot: waiting for a
// processor, for a lock of the kernel that the worker died with, or hung itself. So this one reads the workers' beats for itself and
// asks nobody. It needs no lock, file or answer. Looks are counted rather than timed: after a pause of the whole process the
// first one finds no beat, the next ones do.

import type { Advertisement } from '../model/peer.ts';
import type { Clock, Timer } from './clock.ts';

/** More than twice the 100 ms between two beats. */
export const lookIntervalMs = 250;
/** Looks in a row without a beat that make a worker stuck: main, where it runs, has had the time to say so. */
export const missedLooks = 3;

export interface PathGuardParams {
  readonly clock: Clock;
  /** All that should be announced now. */
  readonly announce: (routes: readonly Advertisement[]) => void;
}

export class PathGuard {
  readonly #params: PathGuardParams;
  /** Undefined before main's first: no route may mean none yet. */
  #routes: readonly Advertisement[] | undefined;
  #beats: () => readonly number[] = () => [];
  #last: readonly number[] = [];
  /** By worker: looks in a row without a beat. */
  #missed: readonly number[] = [];
  #isStuck = false;
  #timer: Timer | undefined;

  constructor(params: PathGuardParams) {
    this.#params = params;
  }

  set(routes: readonly Advertisement[]): void {
    this.#routes = routes;
    this.#announce();
  }

  /** From now on; `beats` has a number for each worker that is another one at each look while it lives. */
  watch(beats: () => readonly number[]): void {
    this.#beats = beats;
    this.#timer?.cancel();
    this.#look();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #look(): void {
    const beats = this.#beats();
    this.#missed = beats.map((beat, worker) => (beat === this.#last[worker] ? (this.#missed[worker] ?? 0) + 1 : 0));
    this.#last = beats;
    const isStuck = this.#missed.some((looks) => looks >= missedLooks);
    if (isStuck !== this.#isStuck) {
      this.#isStuck = isStuck;
      this.#announce();
    }
    this.#timer = this.#params.clock.after(lookIntervalMs, () => this.#look());
  }

  #announce(): void {
    if (this.#routes === undefined) return;
    this.#params.announce(this.#isStuck ? this.#routes.filter(({ withoutPath }) => withoutPath === true) : this.#routes);
  }
}
