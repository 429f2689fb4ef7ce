// Keeps ExaBGP told of the routes of one session: one order at a time, each awaited. Runs in the bgp worker.
//
// An order that ExaBGP can't parse is answered with "error", or, where its parser throws, not at all. So an order without
// an answer is followed by one that always has one: if that is answered the order was bad, else ExaBGP is stuck. A bad order's
// prefixes are told one by one, so that one bad route keeps no other from being announced. A withdrawal that is not taken ends
// the session, since the route must go.

import type { Clock, Timer } from './clock.ts';
import { announceOrder, endOfRibOrder, prefixesPerOrder, probeOrder, withdrawOrder } from './exabgp-commands.ts';
import type { FamilyName } from './families.ts';
import type { OutboundSetting } from './outbound.ts';
import { pathAttributes } from './policy.ts';
import { type Batch, RibOut, type Route, type Routes } from './rib-out.ts';

export interface ExabgpOutboundParams {
  readonly peer: string;
  readonly families: readonly FamilyName[];
  readonly setting: OutboundSetting;
  readonly clock: Clock;
  order(line: string): void;
  /** A route that ExaBGP does not take, in words. */
  onRefused(text: string): void;
  /** Nothing more can be told to this process. */
  onStuck(text: string): void;
}

const answerMs = 5000;

type Phase = 'idle' | 'ordered' | 'probing' | 'probed' | 'stopped';

export class ExabgpOutbound {
  readonly #params: ExabgpOutboundParams;
  readonly #rib = new RibOut();
  readonly #endsToTell: FamilyName[];
  /** Prefixes of an order that was not taken: told one by one. */
  readonly #suspects = new Set<string>();
  readonly #refused = new Set<string>();
  #setting: OutboundSetting;
  #routes: Routes = new Map();
  #phase: Phase = 'idle';
  #batch: Batch | undefined;
  #patience: Timer | undefined;

  constructor(params: ExabgpOutboundParams) {
    this.#params = params;
    this.#setting = params.setting;
    this.#endsToTell = [...params.families];
    this.#rib.serve(this.families);
  }

  /** Those that routes are announced of. */
  get families(): readonly FamilyName[] {
    return this.#params.families.filter((family) => this.#setting.nextHops[family] !== undefined);
  }

  get announced(): number {
    return this.#rib.announced;
  }

  /** Everything was told and answered. */
  get isClean(): boolean {
    return this.#phase === 'idle' && this.#rib.isClean;
  }

  /** Prefixes that ExaBGP does not take. */
  get refused(): readonly string[] {
    return [...this.#refused];
  }

  want(routes: Routes): void {
    this.#routes = routes;
    this.#rib.want(routes);
    for (const prefix of this.#refused) if (!routes.has(prefix)) this.#refused.delete(prefix);
    this.#next();
  }

  /** Tells everything again if the same policies give other attributes now. */
  configure(setting: OutboundSetting): void {
    if (JSON.stringify(setting) === JSON.stringify(this.#setting)) return;
    this.#setting = setting;
    this.#rib.serve(this.families);
    this.#rib.refresh();
    this.#next();
  }

  hear(answer: 'done' | 'error' | 'version'): void {
    switch (this.#phase) {
      case 'idle':
      case 'stopped':
        return;
      case 'ordered':
        this.#settle(answer === 'done');
        return this.#idle();
      case 'probing':
        // The order before was slow, not bad.
        if (answer !== 'version') return this.#settle(answer === 'done');
        this.#phase = 'probed';
        return this.#settle(false);
      case 'probed':
        return this.#idle();
    }
  }

  stop(): void {
    this.#patience?.cancel();
    this.#phase = 'stopped';
  }

  #idle(): void {
    // What the last answer meant may have been the end.
    if (this.#phase === 'stopped') return;
    this.#patience?.cancel();
    this.#phase = 'idle';
    this.#next();
  }

  #next(): void {
    if (this.#phase !== 'idle') return;
    const batch = this.#pick();
    if (batch !== undefined) return this.#tell(batch);
    const family = this.#endsToTell.shift();
    if (family !== undefined) this.#order(endOfRibOrder(this.#params.peer, family));
  }

  #pick(): Batch | undefined {
    const batches = this.#rib.pending();
    for (const batch of batches) {
      const routes = batch.routes.filter(({ prefix }) => !this.#suspects.has(prefix)).slice(0, prefixesPerOrder);
      if (routes.length > 0) return { ...batch, routes };
    }
    const [batch] = batches;
    return batch === undefined ? undefined : { ...batch, routes: batch.routes.slice(0, 1) };
  }

  // Counted as told from now on: what is wanted may change before the answer comes, and orders are obeyed in their order.
  #tell(batch: Batch): void {
    const { family, policy, routes } = batch;
    const nextHop = this.#setting.nextHops[family];
    this.#rib.markTold(routes, policy === undefined);
    this.#batch = batch;
    const { peer } = this.#params;
    const prefixes = routes.map(({ prefix }) => prefix);
    // A family that lost its next hop is withdrawn, where any will do.
    const anyHop = { kind: 'attribute', address: family === 'ipv4' ? '0.0.0.0' : '::' } as const;
    if (policy === undefined || nextHop === undefined) {
      return this.#order(withdrawOrder({ peer, nextHop: nextHop ?? anyHop, prefixes }));
    }
    this.#order(announceOrder({ peer, attributes: pathAttributes(policy, this.#setting), nextHop, prefixes }));
  }

  #order(line: string): void {
    this.#phase = 'ordered';
    this.#await(() => {
      this.#phase = 'probing';
      this.#await(() => this.#params.onStuck(`ExaBGP gave no answer for ${(2 * answerMs) / 1000} s`));
      this.#params.order(probeOrder);
    });
    this.#params.order(line);
  }

  #await(late: () => void): void {
    this.#patience?.cancel();
    this.#patience = this.#params.clock.after(answerMs, late);
  }

  #settle(isTaken: boolean): void {
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch === undefined) return;
    if (isTaken) {
      for (const { prefix } of batch.routes) {
        this.#suspects.delete(prefix);
        this.#refused.delete(prefix);
      }
    } else if (batch.policy === undefined) {
      this.#params.onStuck(`ExaBGP did not take the withdrawal of ${words(batch.routes)}`);
    } else this.#announcementFailed(batch.routes);
  }

  #announcementFailed(routes: readonly Route[]): void {
    this.#rib.markTold(routes, true);
    const [first] = routes;
    if (routes.length === 1 && first !== undefined) {
      // Stays a suspect: when it is tried again, with the next change, it is tried alone.
      this.#refused.add(first.prefix);
      this.#suspects.add(first.prefix);
      return this.#params.onRefused(`ExaBGP does not take the announcement of ${first.prefix}`);
    }
    for (const { prefix } of routes) this.#suspects.add(prefix);
    this.#rib.want(this.#routes);
  }
}

function words(routes: readonly Route[]): string {
  const [first] = routes;
  return `${first?.prefix ?? 'nothing'}${routes.length > 1 ? ` and ${routes.length - 1} more` : ''}`;
}
