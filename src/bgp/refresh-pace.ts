// How often a peer is told its routes again on its own word (RFC 2918): the first request of a family at once, those that
// come within the next second together at its end. Runs in the bgp worker.
//
// A request has 23 bytes and its answer is a whole table: a router that asks without end must not take the thread, and with it
// the keepalives, from all other sessions.

import type { Clock, Timer } from './clock.ts';
import type { FamilyName } from './families.ts';

const restMs = 1000;

export class RefreshPace {
  readonly #clock: Clock;
  readonly #tell: (family: FamilyName) => void;
  readonly #resting = new Map<FamilyName, Timer>();
  readonly #asked = new Set<FamilyName>();

  constructor(clock: Clock, tell: (family: FamilyName) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  ask(family: FamilyName): void {
    if (this.#resting.has(family)) this.#asked.add(family);
    else this.#answer(family);
  }

  /** Nothing is told after this. */
  stop(): void {
    for (const timer of this.#resting.values()) timer.cancel();
  }

  #answer(family: FamilyName): void {
    const timer = this.#clock.after(restMs, () => {
      this.#resting.delete(family);
      if (this.#asked.delete(family)) this.#answer(family);
    });
    this.#resting.set(family, timer);
    this.#tell(family);
  }
}
