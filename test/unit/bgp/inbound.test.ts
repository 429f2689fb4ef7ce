import { describe, expect, it } from 'vitest';
import { refreshSubtype } from '../../../src/bgp/constants.ts';
import { Inbound } from '../../../src/bgp/inbound.ts';
import type { Negotiated } from '../../../src/bgp/negotiate.ts';
import type { PathAttributes } from '../../../src/bgp/path-attributes.ts';
import type { UpdateMessage } from '../../../src/bgp/update.ts';
import { keepalive, routerOpen } from './support/fake-network.ts';
import { establish, peer, setUp } from './support/session-bed.ts';

const negotiated: Negotiated = {
  holdTimeSec: 9,
  fourOctetAs: true,
  extendedMessages: true,
  enhancedRefresh: true,
  ipv4OverIpv6: false,
  families: ['ipv4', 'ipv6'],
  peerRouterId: '10.66.0.1',
  capabilities: { sent: [], received: [] },
};
const setting = { localAs: 65010, peerAs: 65000, role: undefined };
const sound: PathAttributes = { origin: 'igp', asPath: [{ kind: 'sequence', ases: [65000] }], nextHop: '10.66.0.1' };

const update = (fields: Partial<UpdateMessage>): UpdateMessage => ({
  kind: 'update',
  withdrawn: [],
  attributes: {},
  announced: [],
  faults: [],
  discarded: [],
  ...fields,
});
const come = (attributes: PathAttributes = sound, more: Partial<UpdateMessage> = {}) =>
  update({ attributes, announced: ['198.51.100.0/24', '0.0.0.0/0'], ...more });
const reach = { family: 'ipv6', nextHops: ['fd66::1', 'fe80::1'], prefixes: ['::/0'] } as const;
const mark = (subtype: number, afi = 1) => ({ kind: 'routeRefresh', afi, safi: 1, subtype }) as const;
const prefixes = (inbound: Inbound) => inbound.defaultRoutes.map(({ prefix }) => prefix);

describe('the default route of a peer', () => {
  it('is kept as it was said, of each family, and nothing else is', () => {
    const inbound = new Inbound(setting, negotiated);
    const attributes: PathAttributes = { ...sound, communities: ['65000:1'], reach };
    expect(inbound.hear(come(attributes), 'now')).toBe(true);
    expect(inbound.defaultRoutes).toEqual([
      { prefix: '0.0.0.0/0', nextHop: '10.66.0.1', asPath: '65000', communities: ['65000:1'], at: 'now' },
      { prefix: '::/0', nextHop: 'fd66::1 fe80::1', asPath: '65000', communities: ['65000:1'], at: 'now' },
    ]);
    expect(inbound.hear(update({ announced: ['10.0.0.0/8'], attributes: sound }), 'later')).toBe(false);
  });

  it('is none of a family that was not agreed on', () => {
    const inbound = new Inbound(setting, { ...negotiated, families: ['ipv4'] });
    expect(inbound.hear(update({ attributes: { ...sound, reach } }), 'now')).toBe(false);
    expect(inbound.defaultRoutes).toEqual([]);
  });

  it('does not show the place of an address that the router does not have', () => {
    const inbound = new Inbound(setting, negotiated);
    inbound.hear(update({ attributes: { ...sound, reach: { ...reach, nextHops: ['::', 'fe80::1'] } } }), 'now');
    expect(inbound.defaultRoutes).toMatchObject([{ nextHop: 'fe80::1' }]);
  });

  it('has the time at which it last changed', () => {
    const inbound = new Inbound(setting, negotiated);
    inbound.hear(come(), 'first');
    expect(inbound.hear(come(), 'second')).toBe(false);
    expect(inbound.defaultRoutes[0]?.at).toBe('first');
    expect(inbound.hear(come({ ...sound, nextHop: '10.66.0.2' }), 'third')).toBe(true);
    expect(inbound.defaultRoutes[0]).toMatchObject({ at: 'third', nextHop: '10.66.0.2' });
  });

  it.each<[string, Partial<UpdateMessage>]>([
    ['it is withdrawn', { withdrawn: ['0.0.0.0/0'] }],
    ['it counts as withdrawn, being malformed', { ...come(), faults: ['ORIGIN is missing'] }],
    ['it has been through our own AS', come({ ...sound, asPath: [{ kind: 'set', ases: [1, 65010] }] })],
  ])('goes when %s', (_what, fields) => {
    const inbound = new Inbound(setting, negotiated);
    inbound.hear(come(), 'now');
    expect(inbound.hear(update(fields), 'later')).toBe(true);
    expect(inbound.defaultRoutes).toEqual([]);
  });

  it('goes by MP_UNREACH_NLRI', () => {
    const inbound = new Inbound(setting, negotiated);
    inbound.hear(update({ attributes: { ...sound, reach } }), 'now');
    expect(inbound.hear(update({ attributes: { unreach: { family: 'ipv6', prefixes: ['::/0'] } } }), 'later')).toBe(true);
    expect(inbound.defaultRoutes).toEqual([]);
  });

  it('stays when the same message withdraws and announces it', () => {
    const inbound = new Inbound(setting, negotiated);
    inbound.hear(come(sound, { withdrawn: ['0.0.0.0/0'] }), 'now');
    expect(prefixes(inbound)).toEqual(['0.0.0.0/0']);
  });

  it('is none when it was leaked', () => {
    const inbound = new Inbound({ ...setting, role: 'provider' }, negotiated);
    inbound.hear(come({ ...sound, onlyToCustomer: 65000 }), 'now');
    expect(inbound.defaultRoutes).toEqual([]);
    inbound.hear(come(), 'now');
    expect(prefixes(inbound)).toEqual(['0.0.0.0/0']);
  });
});

describe('a refresh by the peer (RFC 7313)', () => {
  it('takes away at its end what was not said again since its begin, of that family', () => {
    const inbound = new Inbound(setting, negotiated);
    inbound.hear(come({ ...sound, reach }), 'now');
    expect(inbound.hear(mark(refreshSubtype.begin), 'later')).toBe(false);
    expect(prefixes(inbound)).toEqual(['0.0.0.0/0', '::/0']);
    expect(inbound.hear(mark(refreshSubtype.end), 'later')).toBe(true);
    expect(prefixes(inbound)).toEqual(['::/0']);
  });

  it('leaves what was said again, and means nothing without a begin', () => {
    const inbound = new Inbound(setting, negotiated);
    inbound.hear(come(), 'now');
    expect(inbound.hear(mark(refreshSubtype.end), 'later')).toBe(false);
    inbound.hear(mark(refreshSubtype.begin), 'later');
    inbound.hear(come(), 'later');
    expect(inbound.hear(mark(refreshSubtype.end), 'later')).toBe(false);
    expect(prefixes(inbound)).toEqual(['0.0.0.0/0']);
  });

  it('means nothing before End-of-RIB of a peer that offers graceful restart', () => {
    const restart = { kind: 'gracefulRestart', flags: 0, restartTimeSec: 120, families: [] } as const;
    const inbound = new Inbound(setting, { ...negotiated, capabilities: { sent: [], received: [restart] } });
    inbound.hear(come(), 'now');
    inbound.hear(mark(refreshSubtype.begin), 'now');
    inbound.hear(mark(refreshSubtype.end), 'now');
    expect(prefixes(inbound)).toEqual(['0.0.0.0/0']);
    inbound.hear(update({}), 'now');
    inbound.hear(mark(refreshSubtype.begin), 'now');
    inbound.hear(mark(refreshSubtype.end), 'now');
    expect(prefixes(inbound)).toEqual([]);
  });
});

describe('a session whose document says `accept: default`', () => {
  it('shows the default route while it lasts', () => {
    const { network, status } = setUp({ peers: [{ ...peer, accept: 'default' }] });
    expect(status()?.defaultRoutes).toEqual([]);
    const connection = establish(network.answer());
    connection.say(come());
    expect(status()?.defaultRoutes).toMatchObject([{ prefix: '0.0.0.0/0', nextHop: '10.66.0.1', asPath: '65000' }]);
    connection.hangUp();
    expect(status()?.defaultRoutes).toEqual([]);
  });

  it('shows it also when it was said before the document asked', () => {
    const { network, status, speaker } = setUp();
    const connection = establish(network.answer());
    connection.say(come(), keepalive);
    expect(status()).not.toHaveProperty('defaultRoutes');
    speaker.configure({ localAs: 65010, routerId: '10.66.0.11', drainSec: 5, peers: [{ ...peer, accept: 'default' }] });
    expect(status()).toMatchObject({ state: 'established', defaultRoutes: [{ prefix: '0.0.0.0/0' }] });
  });

  it('shows what both sides said they can do', () => {
    const { network, status } = setUp();
    expect(status()).not.toHaveProperty('capabilities');
    establish(network.answer(), { ...routerOpen, capabilities: [{ kind: 'routeRefresh' }] });
    expect(status()?.capabilities?.received).toEqual(['route refresh']);
    expect(status()?.capabilities?.sent).toContain('hostname lb1.example.net');
  });
});
