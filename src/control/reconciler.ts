// Puts outcomes in force, in the one order that is safe: withdraw what must go, load, wait until every worker has
// adopted, let everything else follow, announce. Main thread.
//
// It never announces what a worker cannot forward: routes are held back until their tables are adopted, all of them go
// when the packet path stops making progress, and a hold-down follows a withdrawal that health caused.

import { messageOf } from '../errors.ts';
import { type HeldDown, holdDown, nextEndMs, nothingHeld, stillHeld } from './hold-down.ts';
import type { Outcome } from './messages.ts';
import type { PacketPath } from './ports.ts';
import { decodeRoutes } from './route-lines.ts';

export interface ReconcilerParams {
  /** Null on a node without a packet path. */
  readonly path: PacketPath | null;
  /** JSON of Advertisement[]: all that should be announced now. Ownership passes. */
  readonly announce: (routes: Uint8Array<ArrayBuffer>) => void;
  /** Every worker has adopted it: checks, next hops, peers and logs may follow, before its routes are announced. */
  readonly inForce: (outcome: Outcome) => void;
  readonly adopted: (compile: number, generation: number) => void;
  readonly refused: (compile: number, message: string) => void;
  /** Milliseconds, any origin. */
  readonly now: () => number;
}

export class Reconciler {
  readonly #params: ReconcilerParams;
  /** Wanted and adopted: route → JSON. Ten thousand of them are joined in a millisecond, but not parsed. */
  readonly #wanted = new Map<string, string>();
  #announced = '[]';
  #held: HeldDown = nothingHeld;
  #heldTimer: NodeJS.Timeout | undefined;
  /** Why nothing may be announced. */
  #blocked: string | null;
  #isAdopted = false;
  /** Since the outcome that is being adopted was made. */
  #gone: ReadonlySet<string> = new Set();

  constructor(params: ReconcilerParams) {
    this.#params = params;
    this.#blocked = params.path === null ? null : 'the packet path has not started';
  }

  /** True once a state is adopted by every worker. */
  get ready(): boolean {
    return this.#isAdopted && this.#blocked === null;
  }

  get blocked(): string | null {
    return this.#blocked ?? (this.#isAdopted ? null : 'not yet adopted by every worker');
  }

  /** Routes that wait, with how long in words. */
  heldDown(): readonly (readonly [prefix: string, reason: string])[] {
    const now = this.#params.now();
    return [...stillHeld(this.#held, now)].map(([prefix, untilMs]) => [
      prefix,
      `held down for ${Math.ceil((untilMs - now) / 1000)} s after a withdrawal`,
    ]);
  }

  /** Ahead of the outcome that is being compiled, and of the one that is being adopted. */
  withdraw(prefixes: readonly string[], byHealth: readonly string[]): void {
    const gone = new Set(prefixes);
    for (const prefix of gone) this.#wanted.delete(prefix);
    this.#gone = new Set([...this.#gone, ...gone]);
    this.#held = holdDown(this.#held, byHealth, this.#params.now());
    this.#announceNow();
  }

  /** One at a time: the next outcome comes only after this one was adopted or refused. */
  async apply(outcome: Outcome): Promise<void> {
    const { path, adopted, refused, inForce } = this.#params;
    this.#gone = new Set();
    let generation = 0;
    try {
      if (path !== null && outcome.snapshot !== null) {
        generation = path.load(outcome.snapshot);
        await path.adopted(generation);
      }
    } catch (error) {
      refused(outcome.compile, messageOf(error));
      return;
    }
    this.#isAdopted = true;
    inForce(outcome);
    if (outcome.endsHoldDowns) this.#held = new Map([...this.#held].filter(([prefix]) => this.#gone.has(prefix)));
    for (const [prefix, text] of decodeRoutes(outcome.routes)) if (!this.#gone.has(prefix)) this.#wanted.set(prefix, text);
    this.#announceNow();
    adopted(outcome.compile, generation);
  }

  /** The packet path's own watchdog: a reason when it makes no progress, null when it does again. */
  setBlocked(reason: string | null): void {
    if (this.#blocked === reason) return;
    this.#blocked = reason;
    this.#announceNow();
  }

  close(): void {
    clearTimeout(this.#heldTimer);
  }

  #announceNow(): void {
    const now = this.#params.now();
    this.#held = stillHeld(this.#held, now);
    const text = `[${this.#announceable().join()}]`;
    if (text !== this.#announced) {
      this.#announced = text;
      this.#params.announce(new TextEncoder().encode(text));
    }
    this.#armTimer(now);
  }

  #announceable(): readonly string[] {
    if (this.#blocked !== null) return [];
    if (this.#held.size === 0) return [...this.#wanted.values()];
    return [...this.#wanted].flatMap(([prefix, text]) => (this.#held.has(prefix) ? [] : [text]));
  }

  #armTimer(now: number): void {
    clearTimeout(this.#heldTimer);
    const end = nextEndMs(this.#held);
    if (end !== null) this.#heldTimer = setTimeout(() => this.#announceNow(), Math.max(1, end - now));
  }
}
