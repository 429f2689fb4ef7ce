// The small pure rules of a session: backoff, policies, prefixes, the journal and the kernel's queue.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepaliveDelayMs, retryDelayMs } from '../../../src/bgp/backoff.ts';
import { decodePrefixes, encodePrefix, families } from '../../../src/bgp/families.ts';
import { Journal } from '../../../src/bgp/journal.ts';
import { encodeMessage, type Message } from '../../../src/bgp/messages.ts';
import { pathAttributes, policyKey } from '../../../src/bgp/policy.ts';
import { ipv4Prefix, ipv6Prefix } from './support/arbitraries.ts';
import { external, hex } from './support/wire.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('waiting', () => {
  it('before dialling again stays between three quarters of the step and the step, and below connectRetrySec', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 300 }), random, (failures, limitSec, chance) => {
        const delay = retryDelayMs(failures, limitSec, chance);
        const whole = Math.min(limitSec * 1000, 1000 * 2 ** (failures - 1));
        expect(delay).toBeGreaterThanOrEqual(whole * 0.75);
        expect(delay).toBeLessThanOrEqual(whole);
      }),
    );
  });

  it('between keepalives is at most a third of the hold time, and at least a second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 65_535 }), random, (holdTimeSec, chance) => {
        const delay = keepaliveDelayMs(holdTimeSec, chance);
        expect(delay).toBeLessThanOrEqual((holdTimeSec * 1000) / 3);
        expect(delay).toBeGreaterThanOrEqual(Math.max(1000, (holdTimeSec * 1000) / 4));
      }),
    );
  });
});

describe('a policy', () => {
  const setting = {
    localAs: 65010,
    internal: false,
    fourOctetAs: true,
    peerPolicy: {},
    draining: false,
    onlyToCustomer: undefined,
  };

  it('gives communities as a set, in the order of their numbers', () => {
    const communities = ['65000:100', '65000:20', '3:4', '65000:20'];
    expect(pathAttributes({ communities }, setting).communities).toEqual(['3:4', '65000:20', '65000:100']);
  });

  it('asks for other paths on top of its own communities', () => {
    const draining = pathAttributes({ communities: ['1:2'], med: 5 }, { ...setting, draining: true });
    expect(draining).toMatchObject({ communities: ['1:2', '65535:0'], med: 0xffff_ffff });
  });

  it('has one key for equal attributes and another for different ones', () => {
    expect(policyKey({ med: 1, localPref: 2 })).toBe(policyKey({ localPref: 2, med: 1 }));
    expect(policyKey({ med: 1 })).not.toBe(policyKey({ localPref: 1 }));
    expect(policyKey({})).not.toBe(policyKey({ med: 0 }));
  });
});

describe('a prefix', () => {
  it('comes back from the wire as it went there', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(ipv4Prefix, ipv6Prefix)), (prefixes) => {
        for (const name of ['ipv4', 'ipv6'] as const) {
          const own = prefixes.filter((prefix) => prefix.includes(':') === (name === 'ipv6'));
          const wire = own.flatMap((prefix) => [...(encodePrefix(prefix)?.nlri ?? [])]);
          expect(decodePrefixes(Uint8Array.from(wire), families[name])).toEqual(own);
        }
      }),
    );
  });

  it('loses bits behind its length, which mean nothing', () => {
    expect(decodePrefixes(hex('09 0aff'), families.ipv4)).toEqual(['10.128.0.0/9']);
  });
});

describe('the journal of a peer', () => {
  it('keeps what was said before a long time of KEEPALIVEs, and of these the last eight', () => {
    const journal = new Journal();
    const add = (message: Message, at: string): void =>
      journal.add({ at, direction: 'sent', wire: encodeMessage(message, external), context: external }, message.kind);
    add({ kind: 'routeRefresh', afi: 1, subtype: 0, safi: 1 }, 'first');
    for (let i = 0; i < 100; i++) add({ kind: 'keepalive' }, `${i}`);
    expect(journal.entries().map(({ at }) => at)).toEqual(['first', ...Array.from({ length: 8 }, (_, i) => `${92 + i}`)]);
    expect(journal.counts('sent')).toMatchObject({ keepalive: 100 });
  });

  it('shows what could not be decoded as bytes, with the reason', () => {
    const journal = new Journal();
    journal.add(
      { at: 'now', direction: 'sent', wire: encodeMessage({ kind: 'keepalive' }, external), context: external },
      'keepalive',
    );
    const bad = hex(`${'ff'.repeat(16)} 001d 01 03 0000 0000 00000000 00`);
    journal.add({ at: 'now', direction: 'received', wire: bad, context: external }, undefined);
    journal.countMalformed();
    expect(journal.entries()).toMatchObject([
      { direction: 'sent', message: { kind: 'keepalive' }, bytes: 19 },
      {
        direction: 'received',
        message: undefined,
        error: 'BGP version: expected 4, got 3',
        hex: expect.stringContaining('001d0103'),
      },
    ]);
    expect(journal.counts('sent')).toMatchObject({ keepalive: 1, update: 0 });
    expect(journal.counts('received')).toMatchObject({ open: 0, malformed: 1 });
  });
});
