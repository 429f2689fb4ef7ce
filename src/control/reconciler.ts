// Puts outcomes in force, in the one order that is safe: withdraw what must go, load, wait until every worker has
// adopted, let everything else follow, announce. Main thread.
//
// It never announces what a worker cannot forward: routes are held back until their tables are adopted, those that stand on
// the packet path go when that stops making progress, and a hold-down follows a withdrawal that health caused. Where one
// route takes another's place the new one is told first, so that no packet finds none.

import { messageOf } from '../errors.ts';
import { type HeldDown, heldReasons, holdDown, isHeld, nextEndMs, nothingHeld, released } from './hold-down.ts';
import type { Outcome } from './messages.ts';
import type { PacketPath } from './ports.ts';
import { decodeRoutes, type RouteLine } from './route-lines.ts';

export interface ReconcilerParams {
  /** Null on a node without a packet path. */
  readonly path: PacketPath | null;
  /** JSON of Advertisement[]: all that should be announced now. Ownership passes. */
  readonly announce: (routes: Uint8Array<ArrayBuffer>) => void;
  /** Every worker has adopted it: checks, next hops, peers and logs may follow, and its routes are announced once they have. */
  readonly inForce: (outcome: Outcome) => Promise<void> | void;
  readonly adopted: (compile: number, generation: number) => void;
  readonly refused: (compile: number, message: string) => void;
  /** Milliseconds, any origin. */
  readonly now: () => number;
}

export class Reconciler {
  readonly #params: ReconcilerParams;
  /** Wanted and adopted, by prefix. The texts of ten thousand are joined in a millisecond, but not parsed. */
  readonly #wanted = new Map<string, RouteLine>();
  /** Null until it was said once what there is, be it nothing: sessions end their first set of routes with it. */
  #announced: string | null = null;
  #held: HeldDown = nothingHeld;
  #heldTimer: NodeJS.Timeout | undefined;
  /** Why nothing that stands on the packet path may be announced. */
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
    return heldReasons(this.#held, this.#params.now());
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
    await inForce(outcome);
    if (outcome.endsHoldDowns) this.#held = released(this.#held, this.#gone, this.#params.now());
    this.#take(outcome);
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

  #take({ routes, replaced }: Outcome): void {
    for (const route of decodeRoutes(routes)) if (!this.#gone.has(route.prefix)) this.#wanted.set(route.prefix, route);
    this.#announceNow();
    if (replaced.length === 0) return;
    for (const prefix of replaced) this.#wanted.delete(prefix);
    this.#announceNow();
  }

  #announceNow(): void {
    const now = this.#params.now();
    const text = `[${this.#announceable(now).join()}]`;
    const isTooEarly = this.#announced === null && text === '[]' && !this.ready;
    if (text !== this.#announced && !isTooEarly) {
      this.#announced = text;
      this.#params.announce(new TextEncoder().encode(text));
    }
    this.#armTimer(now);
  }

  #announceable(now: number): readonly string[] {
    const texts: string[] = [];
    for (const { prefix, usesPath, text } of this.#wanted.values()) {
      if (this.#blocked !== null && usesPath) continue;
      if (!isHeld(this.#held, prefix, now)) texts.push(text);
    }
    return texts;
  }

  #armTimer(now: number): void {
    clearTimeout(this.#heldTimer);
    const end = nextEndMs(this.#held, now);
    if (end !== null) this.#heldTimer = setTimeout(() => this.#announceNow(), Math.max(1, end - now));
  }
}
