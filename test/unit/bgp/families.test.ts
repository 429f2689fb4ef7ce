// Sessions of both address families, and what each is told of both.

import { describe, expect, it } from 'vitest';
import type { Capability } from '../../../src/bgp/capabilities.ts';
import type { UpdateMessage } from '../../../src/bgp/update.ts';
import type { PeerConfig, SpeakerConfig } from '../../../src/model/peer.ts';
import { keepalive, routerOpen } from './support/fake-network.ts';
import { announced, config, host, isEndOfRib, peer, setUp, updates } from './support/session-bed.ts';

const ipv4: Capability = { kind: 'multiprotocol', afi: 1, safi: 1 };
const ipv6: Capability = { kind: 'multiprotocol', afi: 2, safi: 1 };
const wideAs: Capability = { kind: 'fourOctetAs', as: 65000 };
const overIpv6: Capability = { kind: 'extendedNextHop', encodings: [{ afi: 1, safi: 1, nextHopAfi: 2 }] };
const host6 = (n: number) => ({ prefix: `2001:db8::${n}/128`, policy: {} });
const node = { nextHop4: '10.0.0.11', nextHop6: '2001:db8:1::11' };

interface Setting {
  readonly peer?: Partial<PeerConfig>;
  readonly node?: Partial<SpeakerConfig>;
  readonly local?: string;
  readonly theirs?: readonly Capability[];
}

const session = (setting: Setting) => {
  const address = setting.peer?.address ?? peer.address;
  const bed = setUp({ ...(setting.node ?? node), peers: [{ ...peer, ...setting.peer }] });
  bed.speaker.set([host(1), host6(1)]);
  const connection = bed.network.answer(address, setting.local);
  const [open] = connection.take();
  connection.say({ ...routerOpen, capabilities: [...(setting.theirs ?? [ipv4, ipv6]), wideAs] }, keepalive);
  return { ...bed, connection, open, sent: updates(connection) };
};

const overV6 = { peer: { address: 'fd66::1' }, local: 'fd66::11' };
const reaches = (sent: readonly UpdateMessage[]) => sent.flatMap(({ attributes: { reach } }) => reach ?? []);

describe('a session over IPv6', () => {
  it('offers and tells IPv6 alone, with its own address as next hop, and ends with that family’s End-of-RIB', () => {
    const { open, sent, status, network } = session(overV6);
    expect(network.dials[0]?.target.address).toBe('fd66::1');
    expect(open?.kind === 'open' && open.capabilities.filter(({ kind }) => kind === 'multiprotocol')).toEqual([ipv6]);
    expect(reaches(sent)).toEqual([{ family: 'ipv6', nextHops: ['fd66::11'], prefixes: ['2001:db8::1/128'] }]);
    expect(announced(sent)).toEqual([]);
    expect(sent.at(-1)?.attributes).toEqual({ unreach: { family: 'ipv6', prefixes: [] } });
    expect(sent).toHaveLength(2);
    expect(status()).toMatchObject({ state: 'established', families: ['ipv6'], announced: 1 });
  });

  it('withdraws by MP_UNREACH_NLRI, never in the message that announces', () => {
    const { speaker, connection } = session(overV6);
    speaker.set([host6(2)]);
    expect(updates(connection).map(({ attributes: { unreach, reach } }) => [unreach?.prefixes, reach?.prefixes])).toEqual([
      [['2001:db8::1/128'], undefined],
      [undefined, ['2001:db8::2/128']],
    ]);
  });

  it('is told anew after it was lost', async () => {
    const { connection, clock, network, speaker } = session(overV6);
    connection.hangUp();
    speaker.set([host6(2), host6(3)]);
    await clock.advance(1000);
    const again = network.answer('fd66::1', 'fd66::11');
    again.say({ ...routerOpen, capabilities: [ipv6, wideAs] }, keepalive);
    const sent = updates(again);
    expect(reaches(sent).map(({ prefixes }) => prefixes)).toEqual([['2001:db8::2/128', '2001:db8::3/128']]);
    expect(sent.flatMap(({ attributes }) => attributes.unreach?.prefixes ?? [])).toEqual([]);
  });

  it('from a link-local address has that as next hop, without the device, after the node’s where that is of the link', () => {
    const onDevice = (device: string) => ({ peer: { address: `fe80::1%${device}` }, local: `fe80::11%${device}` });
    expect(reaches(session(onDevice('eth1')).sent)).toMatchObject([{ nextHops: ['fe80::11'] }]);
    expect(reaches(session(onDevice('eth0')).sent)).toMatchObject([{ nextHops: ['2001:db8:1::11', 'fe80::11'] }]);
  });

  it('takes the calls of a link-local peer from its own device alone', () => {
    const listen = { address: '::', port: 179 };
    const { network, status } = setUp({ listen, peers: [{ ...peer, address: 'fe80::1%eth0', passive: true }] });
    expect(network.call('fe80::1%eth1').fate).toBe('reset');
    network.call('fe80::1%eth0').say({ ...routerOpen, capabilities: [ipv6, wideAs] }, keepalive);
    expect(status()).toMatchObject({ address: 'fe80::1%eth0', state: 'established' });
  });

  it('has nothing to say to a peer that speaks IPv4 alone, and says so', () => {
    const { sent, status, logs } = session({ ...overV6, theirs: [ipv4] });
    expect(sent).toEqual([]);
    expect(status()).toMatchObject({ state: 'established', families: [], announced: 0 });
    expect(logs.some((line) => line.includes('no address family in common'))).toBe(true);
  });

  it('goes on without IPv6 at a peer that takes no optional parameter, and tells it nothing', async () => {
    const { connection, clock, network } = session({ ...overV6, theirs: [] });
    expect(connection.take()).toEqual([]);
    connection.hangUp();
    await clock.advance(1000);
    const refused = network.answer('fd66::1', 'fd66::11');
    refused.say({ kind: 'notification', code: 2, subcode: 4, data: new Uint8Array() });
    await clock.advance(5000);
    const bare = network.answer('fd66::1', 'fd66::11');
    expect(bare.take()).toMatchObject([{ kind: 'open', capabilities: [] }]);
    bare.say({ ...routerOpen, capabilities: [] }, keepalive);
    expect(updates(bare)).toEqual([]);
  });
});

describe('a session of both families', () => {
  const families = ['ipv4', 'ipv6'] as const;

  it('over IPv4 tells IPv6 with the node’s address as next hop', () => {
    const { open, sent, status } = session({ peer: { families } });
    expect(open?.kind === 'open' && open.capabilities.filter(({ kind }) => kind === 'multiprotocol')).toEqual([ipv4, ipv6]);
    expect(open?.kind === 'open' && open.capabilities.some(({ kind }) => kind === 'extendedNextHop')).toBe(false);
    expect(announced(sent)).toEqual(['203.0.113.1/32']);
    expect(sent[0]?.attributes.nextHop).toBe('10.66.0.11');
    expect(reaches(sent)).toEqual([{ family: 'ipv6', nextHops: ['2001:db8:1::11'], prefixes: ['2001:db8::1/128'] }]);
    expect(sent.slice(-2).map(isEndOfRib)).toEqual([true, false]);
    expect(sent.at(-1)?.attributes.unreach).toEqual({ family: 'ipv6', prefixes: [] });
    expect(status()).toMatchObject({ families: ['ipv4', 'ipv6'], announced: 2 });
  });

  it('over IPv6 gives IPv4 routes the session’s address where RFC 8950 was agreed on', () => {
    const { open, sent, connection, speaker } = session({
      ...overV6,
      peer: { address: 'fd66::1', families },
      theirs: [ipv4, ipv6, overIpv6],
    });
    expect(open?.kind === 'open' && open.capabilities).toContainEqual(overIpv6);
    expect(reaches(sent)).toEqual([
      { family: 'ipv4', nextHops: ['fd66::11'], prefixes: ['203.0.113.1/32'] },
      { family: 'ipv6', nextHops: ['fd66::11'], prefixes: ['2001:db8::1/128'] },
    ]);
    expect(sent.some(({ attributes }) => attributes.nextHop !== undefined)).toBe(false);
    speaker.set([]);
    expect(updates(connection).map(({ attributes }) => attributes.unreach?.family)).toEqual(['ipv4', 'ipv6']);
  });

  it('over IPv6 gives IPv4 routes the node’s address where it was not', () => {
    const { sent } = session({ ...overV6, peer: { address: 'fd66::1', families } });
    expect(announced(sent)).toEqual(['203.0.113.1/32']);
    expect(sent.find(({ announced: prefixes }) => prefixes.length > 0)?.attributes.nextHop).toBe('10.0.0.11');
  });

  it('leaves out the family that has no next hop, says why, and tells it once there is one', () => {
    const setting = { ...overV6, peer: { address: 'fd66::1', families } };
    const { sent, logs, status, speaker, connection } = session({
      ...setting,
      node: {},
    });
    expect(announced(sent)).toEqual([]);
    expect(status()).toMatchObject({ families: ['ipv6'], announced: 1 });
    expect(logs.some((line) => line.includes('IPv4 routes have no next hop'))).toBe(true);
    const peers = [{ ...peer, address: 'fd66::1', families }];
    speaker.configure({ ...config, ...node, peers });
    expect(announced(updates(connection))).toEqual(['203.0.113.1/32']);
    expect(status()).toMatchObject({ families: ['ipv4', 'ipv6'], announced: 2 });
    speaker.configure({ ...config, nextHop6: node.nextHop6, peers });
    expect(updates(connection)[0]?.withdrawn).toEqual(['203.0.113.1/32']);
    expect(status()).toMatchObject({ families: ['ipv6'], announced: 1 });
  });

  it('starts over when the families change', () => {
    const { speaker, connection } = session({});
    speaker.configure({ ...config, ...node, peers: [{ ...peer, families }] });
    expect(connection.take()).toMatchObject([{ kind: 'notification', code: 6, subcode: 6 }]);
  });
});
