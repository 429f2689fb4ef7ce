// Whatever happens between speaker and router, the router ends with exactly the routes that are wanted now.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Capability } from '../../../src/bgp/capabilities.ts';
import type { Message } from '../../../src/bgp/messages.ts';
import type { Advertisement } from '../../../src/model/peer.ts';
import { type FakeConnection, keepalive, routerOpen } from './support/fake-network.ts';
import { peer, setUp } from './support/session-bed.ts';

const old: readonly Capability[] = [
  { kind: 'multiprotocol', afi: 1, safi: 1 },
  { kind: 'multiprotocol', afi: 2, safi: 1 },
  { kind: 'fourOctetAs', as: 65000 },
];
const modern: readonly Capability[] = [
  ...old,
  { kind: 'extendedMessage' },
  { kind: 'enhancedRouteRefresh' },
  { kind: 'extendedNextHop', encodings: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
];

/** What a router holds, by what it is told. */
class RouterTable {
  readonly meds = new Map<string, number | undefined>();
  /** Families between begin and end of a refresh, with what was not told again so far. */
  readonly #stale = new Map<number, Set<string>>();

  hear(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.kind === 'routeRefresh') this.#mark(message.afi, message.subtype);
      if (message.kind !== 'update') continue;
      const { withdrawn, announced, attributes } = message;
      const gone = [...withdrawn, ...(attributes.unreach?.prefixes ?? [])];
      const come = [...announced, ...(attributes.reach?.prefixes ?? [])];
      expect(come.filter((prefix) => gone.includes(prefix))).toEqual([]);
      for (const prefix of gone) expect(this.meds.delete(prefix), `${prefix} was never told`).toBe(true);
      for (const prefix of come) this.meds.set(prefix, attributes.med);
      for (const stale of this.#stale.values()) for (const prefix of [...gone, ...come]) stale.delete(prefix);
    }
  }

  #mark(afi: number, subtype: number): void {
    const own = [...this.meds.keys()].filter((prefix) => prefix.includes(':') === (afi === 2));
    if (subtype === 1) this.#stale.set(afi, new Set(own));
    else expect([...(this.#stale.get(afi) ?? ['no begin'])], 'not told again').toEqual([]);
    if (subtype === 2) this.#stale.delete(afi);
  }
}

type Step =
  | { readonly kind: 'want'; readonly meds: Readonly<Record<string, number>> }
  | { readonly kind: 'hangUp' | 'stall' | 'read' }
  | { readonly kind: 'ask'; readonly afi: number }
  | { readonly kind: 'policy'; readonly med: number };

const host = fc.integer({ min: 1, max: 6 }).map((n) => (n % 2 === 0 ? `203.0.113.${n}/32` : `2001:db8::${n}/128`));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('want' as const), meds: fc.dictionary(host, fc.nat({ max: 2 })) }) },
  fc.record({ kind: fc.constantFrom('hangUp' as const, 'stall' as const, 'read' as const) }),
  fc.record({ kind: fc.constant('ask' as const), afi: fc.constantFrom(1, 2) }),
  fc.record({ kind: fc.constant('policy' as const), med: fc.integer({ min: 10, max: 11 }) }),
);

const advertisements = (meds: Readonly<Record<string, number>>): Advertisement[] =>
  Object.entries(meds).map(([prefix, med]) => ({ prefix, policy: med === 0 ? {} : { med } }));

const play = async (steps: readonly Step[], address: string, capabilities: readonly Capability[]) => {
  const node = { nextHop4: '10.66.0.11', nextHop6: '2001:db8:1::11' };
  const own = { ...peer, address, families: ['ipv4', 'ipv6'] as const };
  const { network, clock, speaker } = setUp({ ...node, peers: [own] });
  let wanted: Readonly<Record<string, number>> = {};
  let peerMed: number | undefined;
  let table = new RouterTable();
  const connect = (): FakeConnection => {
    table = new RouterTable();
    const made = network.answer(address, address === peer.address ? '10.66.0.11' : 'fd66::11');
    made.say({ ...routerOpen, capabilities }, keepalive);
    return made;
  };
  let connection = connect();
  const take = {
    want: ({ meds }: Extract<Step, { kind: 'want' }>) => {
      wanted = meds;
      speaker.set(advertisements(meds));
    },
    stall: () => {
      connection.backlogBytes = 100_000;
    },
    read: () => connection.drain(),
    ask: ({ afi }: Extract<Step, { kind: 'ask' }>) => connection.say({ kind: 'routeRefresh', afi, safi: 1, subtype: 0 }),
    policy: ({ med }: Extract<Step, { kind: 'policy' }>) => {
      peerMed = med;
      speaker.configure({ localAs: 65010, routerId: '10.66.0.11', drainSec: 5, ...node, peers: [{ ...own, policy: { med } }] });
    },
  };
  for (const one of steps) {
    if (one.kind === 'hangUp') {
      connection.hangUp();
      await clock.advance(5000);
      connection = connect();
    } else take[one.kind](one as never);
    table.hear(connection.take());
  }
  connection.drain();
  table.hear(connection.take());
  const due = Object.entries(wanted).map(([prefix, med]) => [prefix, med === 0 ? peerMed : med] as const);
  expect(table.meds).toEqual(new Map(due));
  expect(speaker.peers()[0]).toMatchObject({ state: 'established', announced: due.length });
};

describe('a router', () => {
  it.each([
    ['of the old protocol over IPv4', '10.66.0.1', old],
    ['of today over IPv6', 'fd66::1', modern],
  ])('%s holds in the end what is wanted, whatever happened', async (_what, address, capabilities) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => play(steps, address, capabilities)),
      { numRuns: 150 },
    );
  });
});
