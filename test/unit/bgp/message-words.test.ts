import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Journal } from '../../../src/bgp/journal.ts';
import { describeEntry } from '../../../src/bgp/message-words.ts';
import { encodeMessage, type Message } from '../../../src/bgp/messages.ts';
import { ceaseNotification } from '../../../src/bgp/notification.ts';
import type { UpdateMessage } from '../../../src/bgp/update.ts';
import { message } from './support/arbitraries.ts';
import { routerOpen } from './support/fake-network.ts';
import { full, hex, updateOf } from './support/wire.ts';

const entryOf = (wire: Uint8Array) => {
  const journal = new Journal();
  journal.add({ at: 'now', direction: 'received', wire, context: { ...full, internal: true } }, undefined);
  const [entry] = journal.entries().map(describeEntry);
  if (entry === undefined) throw new Error('nothing was kept');
  return entry;
};
const textOf = (one: Message) => entryOf(encodeMessage(one, { fourOctetAs: true })).text;
const update = (fields: Partial<UpdateMessage>): UpdateMessage => ({
  kind: 'update',
  withdrawn: [],
  attributes: {},
  announced: [],
  faults: [],
  discarded: [],
  ...fields,
});

describe('a message in words', () => {
  it.each<[string, Message, string]>([
    [
      'OPEN',
      { ...routerOpen, capabilities: [{ kind: 'routeRefresh' }] },
      'AS 65000, hold time 180 s, router 10.66.0.1: route refresh',
    ],
    [
      'OPEN of an old speaker',
      { ...routerOpen, capabilities: [] },
      'AS 65000, hold time 180 s, router 10.66.0.1: no capabilities',
    ],
    ['KEEPALIVE', { kind: 'keepalive' }, ''],
    ['NOTIFICATION', ceaseNotification(2, 'lunch'), '6/2 cease: administrative shutdown ("lunch")'],
    ['ROUTE-REFRESH', { kind: 'routeRefresh', afi: 2, safi: 1, subtype: 1 }, 'ipv6: begin'],
    ['ROUTE-REFRESH nobody knows', { kind: 'routeRefresh', afi: 25, safi: 70, subtype: 9 }, 'afi 25 safi 70: subtype 9'],
    ['End-of-RIB', update({}), 'End-of-RIB ipv4'],
    ['End-of-RIB of IPv6', update({ attributes: { unreach: { family: 'ipv6', prefixes: [] } } }), 'End-of-RIB ipv6'],
    ['a withdrawal', update({ withdrawn: ['192.0.2.0/24'] }), 'withdraws 192.0.2.0/24'],
    [
      'an announcement',
      update({
        announced: ['203.0.113.1/32', '203.0.113.2/32', '203.0.113.3/32', '203.0.113.4/32', '203.0.113.5/32', '203.0.113.6/32'],
        attributes: {
          origin: 'igp',
          asPath: [{ kind: 'sequence', ases: [1, 2] }],
          nextHop: '10.0.0.1',
          med: 0,
          communities: ['1:2'],
        },
      }),
      'announces 203.0.113.1/32 203.0.113.2/32 203.0.113.3/32 203.0.113.4/32 and 2 more; next hop 10.0.0.1; path 1 2; origin igp; MED 0; communities 1:2',
    ],
    [
      'an IPv6 announcement of iBGP',
      update({
        attributes: {
          reach: { family: 'ipv6', nextHops: ['fd66::1', 'fe80::1'], prefixes: ['2001:db8::/32'] },
          origin: 'igp',
          asPath: [],
          localPref: 100,
          onlyToCustomer: 7,
        },
      }),
      'announces 2001:db8::/32; next hop fd66::1 fe80::1; path empty; origin igp; local preference 100; only to customer 7',
    ],
  ])('%s', (_what, one, expected) => {
    expect(textOf(one)).toBe(expected);
  });

  it('says what of an UPDATE is wrong', () => {
    const { text, kind } = entryOf(updateOf({ attributes: '40010109 40060100', nlri: '20 cb00710a' }));
    expect(kind).toBe('update');
    expect(text).toContain('counts as withdrawn: attribute 1 of 1 bytes is malformed AS_PATH is missing NEXT_HOP is missing');
    expect(text).toContain('left out: attribute 6 of 1 bytes is malformed');
  });

  it('that could not be decoded says why, and shows its first bytes', () => {
    const bad = entryOf(hex(`${'ff'.repeat(16)} 001d 01 03 0000 0000 00000000 00`));
    expect(bad).toMatchObject({
      kind: 'malformed',
      text: 'BGP version: expected 4, got 3',
      hex: expect.stringMatching(/^f{32}001d0103/),
    });
    expect(entryOf(updateOf({ attributes: `5063 0fa0 ${'00'.repeat(4000)}` })).hex).toHaveLength(513);
  });

  it('is short, whatever it is', () => {
    fc.assert(
      fc.property(message, (one) => {
        expect(textOf(one).length).toBeLessThanOrEqual(601);
      }),
    );
  });
});
