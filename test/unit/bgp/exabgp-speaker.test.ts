// ExaBGP as the speaker: what it is told, when it is started again, and how it is left.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { notification } from '../../../src/bgp/notification.ts';
import type { PeerConfig } from '../../../src/model/peer.ts';
import { type ExabgpBed, exabgpBed } from './support/fake-exabgp.ts';
import { keepalive, routerOpen } from './support/fake-network.ts';
import { host, peer } from './support/session-bed.ts';
import { messageOf, updateOf } from './support/wire.ts';

const prefixOf = (n: number) => `203.0.113.${n}/32`;
const told = (bed: ExabgpBed) => [...bed.last().routes.keys()].sort();
const second: PeerConfig = { ...peer, address: '10.66.1.1', policy: { med: 5 } };

describe('ExaBGP is told', () => {
  it('everything once its session is up, then the end of it', async () => {
    const bed = exabgpBed();
    bed.speaker.set([host(1, { communities: ['65000:1'] }), host(2, { communities: ['65000:1'] })]);
    expect(bed.last().orders).toEqual([]);
    bed.last().up();
    await bed.clock.advance(10);
    expect(bed.last().orders).toEqual([
      'neighbor 10.66.0.1 announce attributes next-hop 10.66.0.11 origin igp as-path [ 65010 ] community [ 65000:1 ] ' +
        'nlri 203.0.113.1/32 203.0.113.2/32',
      'neighbor 10.66.0.1 announce eor ipv4 unicast',
    ]);
    expect(bed.speaker.peers()).toEqual([
      expect.objectContaining({ state: 'established', announced: 2, holdTimeSec: 6, families: ['ipv4'], lastError: null }),
    ]);
  });

  it('nothing, not even the end of it, before it is known what there is', async () => {
    const bed = exabgpBed();
    bed.last().up();
    await bed.clock.advance(10);
    expect(bed.last().orders).toEqual([]);
    bed.speaker.set([]);
    await bed.clock.advance(10);
    expect(bed.last().orders).toEqual(['neighbor 10.66.0.1 announce eor ipv4 unicast']);
  });

  it('what differs alone, one order after the other', async () => {
    const bed = exabgpBed();
    bed.speaker.set([]);
    bed.last().up();
    bed.speaker.set([host(1), host(2)]);
    bed.speaker.set([host(2), host(3, { med: 7 })]);
    expect(bed.last().orders).toHaveLength(1);
    await bed.clock.advance(10);
    expect(bed.last().orders.map((order) => order.replace(/^.* (announce|withdraw).* nlri/, '$1'))).toEqual([
      'neighbor 10.66.0.1 announce eor ipv4 unicast',
      'announce 203.0.113.2/32',
      'announce 203.0.113.3/32',
    ]);
    bed.speaker.set([host(3, { med: 7 })]);
    await bed.clock.advance(10);
    expect(bed.last().orders.at(-1)).toBe('neighbor 10.66.0.1 withdraw attributes next-hop 10.66.0.11 nlri 203.0.113.2/32');
  });

  it('many routes in orders of five hundred', async () => {
    const bed = exabgpBed();
    bed.speaker.set(Array.from({ length: 1200 }, (_, n) => ({ prefix: `10.0.${n >> 8}.${n & 255}/32`, policy: {} })));
    bed.last().up();
    await bed.clock.advance(10);
    expect(
      bed
        .last()
        .orders.slice(0, 3)
        .map((order) => order.split(' nlri ')[1]?.split(' ').length),
    ).toEqual([500, 500, 200]);
    expect(bed.last().routes.size).toBe(1200);
  });

  it('for each peer with its own policy, and again when that changes', async () => {
    const bed = exabgpBed({ peers: [peer, second] });
    bed.speaker.set([host(1)]);
    for (const child of bed.children) child.up();
    await bed.clock.advance(10);
    const words = () => bed.children.map(({ routes }) => /med \d+/.exec(routes.get(prefixOf(1)) ?? 'none')?.[0]);
    expect(words()).toEqual([undefined, 'med 5']);
    bed.speaker.configure({
      localAs: 65010,
      routerId: '10.66.0.11',
      drainSec: 5,
      peers: [peer, { ...second, policy: { med: 6 } }],
    });
    await bed.clock.advance(10);
    expect(words()).toEqual([undefined, 'med 6']);
    expect(bed.children).toHaveLength(2);
  });

  it('of no family that the router did not agree to, or that has no next hop', async () => {
    const bed = exabgpBed({ peers: [{ ...peer, families: ['ipv4', 'ipv6'] }], nextHop6: 'fd66::11' });
    bed.speaker.set([host(1), { prefix: '2001:db8::1/128', policy: {} }]);
    bed.last().up(['ipv4 unicast']);
    await bed.clock.advance(10);
    expect(told(bed)).toEqual([prefixOf(1)]);
    bed.last().down();
    await bed.clock.advance(1000);
    bed.last().up(['ipv4 unicast', 'ipv6 unicast']);
    await bed.clock.advance(10);
    expect(told(bed)).toEqual(['2001:db8::1/128', prefixOf(1)]);
  });
});

describe('an order that ExaBGP does not take', () => {
  it.each(['poison', 'bad'] as const)('keeps no other route from being announced (%s)', async (kind) => {
    const bed = exabgpBed();
    bed.last()[kind] = prefixOf(2);
    bed.speaker.set([host(1), host(2), host(3)]);
    bed.last().up();
    await bed.clock.advance(30_000);
    expect(told(bed)).toEqual([prefixOf(1), prefixOf(3)]);
    expect(bed.speaker.peers()[0]).toMatchObject({ state: 'established', announced: 2 });
    expect(bed.speaker.troubles()).toEqual(['ExaBGP does not take 1 of the routes for 10.66.0.1: 203.0.113.2/32']);
    expect(bed.logs).toContain('ExaBGP does not take the announcement of 203.0.113.2/32');
    bed.last()[kind] = undefined;
    bed.speaker.set([host(1), host(2), host(3), host(4)]);
    await bed.clock.advance(10);
    expect(told(bed)).toHaveLength(4);
    expect(bed.speaker.troubles()).toEqual([]);
  });

  it('ends the process when it is a withdrawal', async () => {
    const bed = exabgpBed();
    bed.last().up();
    bed.speaker.set([host(1)]);
    await bed.clock.advance(10);
    const [first] = bed.children;
    bed.last().bad = 'withdraw';
    bed.speaker.set([]);
    await bed.clock.advance(10);
    expect(first?.isAlive).toBe(false);
    expect(bed.speaker.peers()[0]?.lastError?.text).toBe('ExaBGP did not take the withdrawal of 203.0.113.1/32');
  });

  it('ends the process when nothing else is answered either', async () => {
    const bed = exabgpBed();
    bed.speaker.set([host(1)]);
    bed.last().isStuck = true;
    bed.last().up();
    await bed.clock.advance(11_000);
    expect(bed.children.map(({ isAlive }) => isAlive)).toEqual([false, true]);
    bed.last().up();
    await bed.clock.advance(10);
    expect(told(bed)).toEqual([prefixOf(1)]);
  });
});

describe('a session that ends', () => {
  it('ends its process, and the next one starts after a pause and is told everything', async () => {
    const bed = exabgpBed();
    bed.speaker.set([host(1)]);
    bed.last().up();
    await bed.clock.advance(10);
    bed.last().pass('receive', notification(6, 2));
    bed.last().down();
    expect(bed.children.map(({ isAlive }) => isAlive)).toEqual([false]);
    expect(bed.speaker.peers()[0]).toMatchObject({
      state: 'idle',
      announced: 0,
      flaps: 1,
      lastError: { direction: 'received', code: 6, subcode: 2, text: 'cease: administrative shutdown' },
    });
    bed.speaker.set([host(2)]);
    await bed.clock.advance(1000);
    bed.last().up();
    await bed.clock.advance(10);
    expect(told(bed)).toEqual([prefixOf(2)]);
  });

  it('takes what was not answered with it', async () => {
    const bed = exabgpBed();
    bed.speaker.set([host(1)]);
    bed.last().isStuck = true;
    bed.last().up();
    bed.last().down();
    await bed.clock.advance(1000);
    bed.last().up();
    await bed.clock.advance(30_000);
    expect(bed.children.map(({ isAlive }) => isAlive)).toEqual([false, true]);
    expect(bed.last().orders).toHaveLength(2);
  });

  it('leaves those of other peers alone', async () => {
    const bed = exabgpBed({ peers: [peer, second] });
    bed.speaker.set([host(1)]);
    const [first, other] = bed.children;
    for (const child of bed.children) child.up();
    await bed.clock.advance(10);
    first?.end('ExaBGP ended (SIGKILL)');
    await bed.clock.advance(1000);
    expect(other?.isAlive).toBe(true);
    expect(bed.children).toHaveLength(3);
    expect(bed.logs.filter((line) => line.startsWith('session lost'))).toEqual(['session lost (local): ExaBGP ended (SIGKILL)']);
  });

  it('that never came is given up, each time after a longer pause, and said once', async () => {
    const bed = exabgpBed();
    await bed.clock.advance(90_000);
    const starts = bed.children.length;
    expect(starts).toBeGreaterThan(4);
    expect(starts).toBeLessThan(9);
    expect(bed.children.filter(({ isAlive }) => isAlive).length).toBeLessThanOrEqual(1);
    expect(bed.logs).toHaveLength(1);
    expect(bed.speaker.peers()[0]?.lastError?.text).toMatch(/no session within \d+ s: the router gives no answer/);
  });

  it('that was refused is left to ExaBGP to try again, and the reason stays', async () => {
    const bed = exabgpBed();
    bed.last().pass('receive', notification(2, 2));
    bed.last().down();
    await bed.clock.advance(5000);
    bed.last().down();
    expect(bed.children.map(({ isAlive }) => isAlive)).toEqual([true]);
    const lastError = { direction: 'received', code: 2, subcode: 2 };
    expect(bed.speaker.peers()[0]).toMatchObject({ state: 'idle', flaps: 0, lastError });
    expect(bed.logs).toHaveLength(1);
    await bed.clock.advance(11_000);
    expect(bed.children[0]?.isAlive).toBe(false);
    expect(bed.speaker.peers()[0]).toMatchObject({ lastError });
    bed.last().up();
    expect(bed.speaker.peers()[0]).toMatchObject({ state: 'established', lastError });
  });

  it('says what to do when there is no ExaBGP, until there is one', async () => {
    const bed = exabgpBed();
    bed.last().end('', true);
    expect(bed.speaker.troubles()).toEqual([
      expect.stringMatching(
        /^expected the program exabgp in PATH.* run sudo apt-get install .*exabgp, or say speaker: built-in$/,
      ),
    ]);
    await bed.clock.advance(1000);
    bed.last().up();
    expect(bed.speaker.troubles()).toEqual([]);
  });
});

describe('what ExaBGP passes on', () => {
  const ours = { ...routerOpen, as: 65010, routerId: '10.66.0.11' };
  const asPath = '40010100 400206 02 01 0000fde8 400304 0a420001';

  it('is shown as the messages, counts and capabilities of the session', () => {
    const bed = exabgpBed();
    bed.last().pass('send', ours);
    bed.last().pass('receive', routerOpen);
    bed.last().pass('send', keepalive);
    bed.last().pass('receive', keepalive);
    bed.last().up();
    bed.last().pass('receive', updateOf({ attributes: asPath, nlri: '00' }));
    const entries = bed.speaker.messages('10.66.0.1') ?? [];
    expect(entries.map(({ direction, message }) => `${direction} ${message?.kind}`)).toEqual([
      'sent open',
      'received open',
      'sent keepalive',
      'received keepalive',
      'received update',
    ]);
    // With AS numbers as wide as both OPENs say.
    expect(entries.at(-1)?.message).toMatchObject({
      announced: ['0.0.0.0/0'],
      faults: [],
      attributes: { asPath: [{ ases: [65000] }] },
    });
    expect(bed.speaker.messages('10.66.0.9')).toBeUndefined();
    const [status] = bed.speaker.peers();
    expect(status?.messages).toMatchObject({
      sent: { open: 1, keepalive: 1, update: 0 },
      received: { open: 1, keepalive: 1, update: 1, malformed: 0 },
    });
    expect(status?.capabilities?.received).toContain('4-octet AS 65000');
    bed.last().down();
    expect(bed.speaker.peers()[0]?.capabilities).toBeUndefined();
  });

  it('is kept where it is no message, and counted', () => {
    const bed = exabgpBed();
    bed.last().pass('receive', messageOf(4, '00'));
    bed.last().pass('receive', new Uint8Array());
    expect(bed.speaker.messages('10.66.0.1')?.map(({ error }) => typeof error)).toEqual(['string', 'string']);
    expect(bed.speaker.peers()[0]?.messages.received).toMatchObject({ keepalive: 0, malformed: 2 });
  });
});

describe('leaving', () => {
  it('tells the routes again with GRACEFUL_SHUTDOWN, waits, withdraws, says CEASE and ends the process', async () => {
    const bed = exabgpBed({ drainSec: 5 });
    bed.speaker.set([host(1, { communities: ['65000:1'], med: 7 }), host(2)]);
    bed.last().up();
    await bed.clock.advance(10);
    const closed = bed.speaker.close(true);
    await bed.clock.advance(100);
    expect(bed.last().routes.get(prefixOf(1))).toContain('med 4294967295 community [ 65000:1 65535:0 ]');
    bed.speaker.set([host(1), host(3)]);
    await bed.clock.advance(100);
    expect(told(bed)).toEqual([prefixOf(1)]);
    await bed.clock.advance(6000);
    await closed;
    expect(bed.last().orders.slice(-2)).toEqual([
      'neighbor 10.66.0.1 withdraw attributes next-hop 10.66.0.11 nlri 203.0.113.1/32',
      'neighbor 10.66.0.1 teardown 2',
    ]);
    expect(bed.children.map(({ isAlive }) => isAlive)).toEqual([false]);
    await bed.clock.advance(60_000);
    expect(bed.children).toHaveLength(1);
  });

  it('keeps the session once it has withdrawn, until it is closed', async () => {
    const bed = exabgpBed({ drainSec: 1 });
    bed.speaker.set([host(1)]);
    bed.last().up();
    await bed.clock.advance(10);
    const left = bed.speaker.leave();
    await bed.clock.advance(1500);
    await left;
    expect(bed.last().orders.at(-1)).toContain('withdraw');
    await bed.clock.advance(30_000);
    bed.speaker.set([host(1)]);
    await bed.clock.advance(100);
    expect([bed.last().isAlive, told(bed)]).toEqual([true, []]);
    const closed = bed.speaker.close(true);
    await bed.clock.advance(100);
    await closed;
    expect(bed.last().orders.at(-1)).toBe('neighbor 10.66.0.1 teardown 2');
  });

  it('is not held up by a process that does not answer', async () => {
    const bed = exabgpBed({ drainSec: 0 });
    bed.speaker.set([host(1)]);
    bed.last().up();
    await bed.clock.advance(10);
    bed.last().isStuck = true;
    const closed = bed.speaker.close(true);
    await bed.clock.advance(2500);
    await closed;
    expect(bed.last().isAlive).toBe(false);
  });

  it('ends the session of a peer that is removed or changed, and of no other', async () => {
    const bed = exabgpBed({ peers: [peer, second] });
    const [first, other] = bed.children;
    for (const child of bed.children) child.up();
    await bed.clock.advance(10);
    bed.speaker.configure({ localAs: 65010, routerId: '10.66.0.11', drainSec: 5, peers: [{ ...second, holdTimeSec: 30 }] });
    await bed.clock.advance(10);
    expect(first?.orders.at(-1)).toBe('neighbor 10.66.0.1 teardown 3');
    expect(other?.orders.at(-1)).toBe('neighbor 10.66.1.1 teardown 6');
    expect(bed.children.map(({ address, isAlive }) => [address, isAlive])).toEqual([
      ['10.66.0.1', false],
      ['10.66.1.1', false],
      ['10.66.1.1', true],
    ]);
  });
});

describe('whatever happens', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), routes: fc.dictionary(fc.constantFrom('1', '2', '3'), fc.nat({ max: 2 })) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 3 }) }),
    fc.record({ kind: fc.constantFrom('down' as const, 'end' as const, 'stuck' as const) }),
  );

  it('ExaBGP ends with what is wanted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const bed = exabgpBed();
        let wanted: Readonly<Record<string, number>> = {};
        const settled = async () => {
          const { children } = bed;
          const before = children.length;
          await bed.clock.advance(2000);
          if (children.length > before) bed.last().up();
        };
        bed.last().up();
        for (const now of steps) {
          if (now.kind === 'set') {
            wanted = now.routes;
            bed.speaker.set(Object.entries(wanted).map(([n, med]) => host(Number(n), { med })));
          } else if (now.kind === 'wait') await bed.clock.advance(now.ms);
          else if (now.kind === 'stuck') bed.last().isStuck = true;
          else {
            if (now.kind === 'down') bed.last().down();
            else bed.last().end('gone');
            await settled();
          }
        }
        // Time for a stuck process to be found out.
        for (let i = 0; i < 12; i++) await settled();
        await bed.clock.advance(10);
        const held = Object.fromEntries([...bed.last().routes].map(([prefix, words]) => [prefix, /med (\d+)/.exec(words)?.[1]]));
        const meant = Object.fromEntries(Object.entries(wanted).map(([n, med]) => [prefixOf(Number(n)), String(med)]));
        // One that was stuck with nothing to be told is not found out, and needs not be.
        expect(held).toEqual(meant);
      }),
      { numRuns: 100 },
    );
  });
});
