import { describe, expect, it } from 'vitest';
import type { Advertisement, PeerConfig, SpeakerConfig } from '../../../src/model/peer.ts';
import { type FakeConnection, routerOpen } from './support/fake-network.ts';
import { announced, establish, host, isEndOfRib, peer, setUp, updates, withdrawn } from './support/session-bed.ts';

describe('an established session', () => {
  it('is told all routes in one message, with the own address as next hop, and then End-of-RIB', () => {
    const { network, speaker, status } = setUp();
    speaker.set([host(1), host(2)]);
    const sent = updates(establish(network.answer()));
    expect(sent).toHaveLength(2);
    expect(sent[0]).toMatchObject({
      announced: ['203.0.113.1/32', '203.0.113.2/32'],
      attributes: { origin: 'igp', asPath: [{ kind: 'sequence', ases: [65010] }], nextHop: '10.66.0.11' },
    });
    expect(sent.map(isEndOfRib)).toEqual([false, true]);
    expect(status()).toMatchObject({ state: 'established', announced: 2, families: ['ipv4'], holdTimeSec: 9 });
  });

  it('is told End-of-RIB also when there is no route', () => {
    const { network, speaker } = setUp();
    speaker.set([]);
    expect(updates(establish(network.answer())).map(isEndOfRib)).toEqual([true]);
  });

  it('is told no End-of-RIB before it is known what there is to tell', () => {
    const { network, speaker } = setUp();
    const connection = establish(network.answer());
    connection.say({ kind: 'routeRefresh', afi: 1, safi: 1, subtype: 0 });
    expect(updates(connection)).toEqual([]);
    speaker.set([host(1)]);
    expect(updates(connection).map(isEndOfRib)).toEqual([false, true]);
    speaker.set([]);
    expect(updates(connection).map(isEndOfRib)).toEqual([false]);
  });

  it('is told only what changes', () => {
    const { network, speaker } = setUp();
    const connection = establish(network.answer());
    speaker.set([host(1), host(2)]);
    connection.take();
    speaker.set([host(2), host(3)]);
    const sent = updates(connection);
    expect(withdrawn(sent)).toEqual(['203.0.113.1/32']);
    expect(announced(sent)).toEqual(['203.0.113.3/32']);
    speaker.set([host(3), host(2)]);
    expect(connection.take()).toEqual([]);
  });

  it('is told a route again when its policy changes, and never withdraws it for that', () => {
    const { network, speaker } = setUp();
    const connection = establish(network.answer());
    speaker.set([host(1)]);
    connection.take();
    speaker.set([host(1, { med: 7, communities: ['65000:2', '65000:1'] })]);
    expect(updates(connection)).toMatchObject([
      { withdrawn: [], announced: ['203.0.113.1/32'], attributes: { med: 7, communities: ['65000:1', '65000:2'] } },
    ]);
  });

  it('is told everything again after ROUTE-REFRESH', () => {
    const { network, speaker } = setUp();
    speaker.set([host(1)]);
    const connection = establish(network.answer());
    connection.take();
    connection.say({ kind: 'routeRefresh', afi: 1, safi: 1, subtype: 0 });
    expect(announced(updates(connection))).toEqual(['203.0.113.1/32']);
    connection.say({ kind: 'routeRefresh', afi: 2, safi: 1, subtype: 0 });
    expect(connection.take()).toEqual([]);
  });
});

describe('a peer that knows more than the old protocol', () => {
  const modern = {
    ...routerOpen,
    capabilities: [...routerOpen.capabilities, { kind: 'extendedMessage' }, { kind: 'enhancedRouteRefresh' }] as const,
  };
  const ask = { kind: 'routeRefresh', afi: 1, safi: 1, subtype: 0 } as const;
  // What it was told, one word a message.
  const story = (connection: FakeConnection) =>
    connection.take().map((message) => {
      if (message.kind === 'routeRefresh') return ['ask', 'begin', 'end'][message.subtype];
      if (message.kind !== 'update') return message.kind;
      return isEndOfRib(message)
        ? 'End-of-RIB'
        : [...message.announced, ...message.withdrawn.map((prefix) => `-${prefix}`)].join();
    });

  it('gets 10,000 routes in one extended message', () => {
    const { network, speaker } = setUp();
    speaker.set(Array.from({ length: 10_000 }, (_, i) => ({ prefix: `198.18.${i >> 8}.${i & 255}/32`, policy: {} })));
    const sent = updates(establish(network.answer(), modern));
    expect(sent.map((message) => message.announced.length)).toEqual([10_000, 0]);
  });

  it('is told its routes again between begin and end', async () => {
    const { network, speaker, clock } = setUp();
    speaker.set([host(1), host(2)]);
    const connection = establish(network.answer(), modern);
    connection.take();
    connection.say(ask);
    expect(story(connection)).toEqual(['begin', '203.0.113.1/32,203.0.113.2/32', 'end']);
    speaker.set([]);
    await clock.advance(1000);
    connection.take();
    connection.say(ask);
    expect(story(connection)).toEqual(['begin', 'end']);
  });

  it('is told so only after its first full set, and sees no end before all was told', async () => {
    const { network, speaker, clock } = setUp();
    speaker.set([host(1)]);
    const connection = network.answer();
    connection.backlogBytes = 100_000;
    establish(connection, modern).take();
    connection.say(ask);
    expect(story(connection)).toEqual([]);
    connection.drain();
    expect(story(connection)).toEqual(['203.0.113.1/32', 'End-of-RIB', 'begin', '203.0.113.1/32', 'end']);
    await clock.advance(1000);
    connection.backlogBytes = 100_000;
    connection.say(ask);
    speaker.set([host(2)]);
    expect(story(connection)).toEqual(['begin']);
    connection.drain();
    expect(story(connection)).toEqual(['-203.0.113.1/32', '203.0.113.2/32', 'end']);
  });

  it('is told once more when it asks while it is being told', async () => {
    const { network, speaker, clock } = setUp();
    speaker.set([host(1)]);
    const connection = establish(network.answer(), modern);
    connection.take();
    connection.backlogBytes = 100_000;
    connection.say(ask);
    await clock.advance(1000);
    connection.say(ask);
    connection.drain();
    expect(story(connection)).toEqual(['begin', '203.0.113.1/32', 'end', 'begin', '203.0.113.1/32', 'end']);
  });

  it('is told twice when it asks a thousand times in a second, and no more when it stops or the session ends', async () => {
    const { network, speaker, clock } = setUp();
    speaker.set([host(1)]);
    const connection = establish(network.answer(), modern);
    connection.take();
    connection.say(...Array.from({ length: 1000 }, () => ask));
    const once = ['begin', '203.0.113.1/32', 'end'];
    expect(story(connection)).toEqual(once);
    await clock.advance(1000);
    expect(story(connection)).toEqual(once);
    await clock.advance(1000);
    expect(story(connection)).toEqual([]);
    connection.say(ask, ask, { kind: 'notification', code: 6, subcode: 4, data: new Uint8Array() });
    connection.take();
    await clock.advance(1000);
    expect(story(connection)).toEqual([]);
  });
});

describe('a route towards a peer with a role (RFC 9234)', () => {
  it.each([
    ['provider', 65010],
    ['peer', 65010],
    ['rs', 65010],
    ['customer', undefined],
    ['rs-client', undefined],
  ] as const)('of us as %s is marked with %s', (role, expected) => {
    const { network, speaker } = setUp({ peers: [{ ...peer, role }] });
    speaker.set([host(1)]);
    expect(updates(establish(network.answer()))[0]?.attributes.onlyToCustomer).toBe(expected);
  });
});

describe('a peer that reads slowly', () => {
  it('gets the newest state of each prefix once it reads again, and nothing in between', () => {
    const { network, speaker } = setUp();
    const connection = establish(network.answer());
    connection.stalled = true;
    connection.backlogBytes = 100_000;
    connection.take();
    for (let round = 0; round < 50; round++) speaker.set(Array.from({ length: 100 }, (_, i) => host(i, { med: round })));
    speaker.set([host(7, { med: 99 }), host(8, { med: 99 })]);
    expect(connection.take()).toEqual([]);
    connection.drain();
    const sent = updates(connection);
    expect(announced(sent)).toEqual(['203.0.113.7/32', '203.0.113.8/32']);
    expect(withdrawn(sent)).toEqual([]);
    expect(sent[0]?.attributes.med).toBe(99);
  });
});

describe('policies', () => {
  const attributesOf = (overrides: Partial<SpeakerConfig>, policy: PeerConfig['policy'], own: Advertisement['policy']) => {
    const { network, speaker } = setUp({ ...overrides, peers: [{ ...peer, as: overrides.localAs ?? peer.as, policy }] });
    speaker.set([host(1, own)]);
    const as = overrides.localAs ?? 65000;
    const open = { ...routerOpen, as, capabilities: [{ kind: 'fourOctetAs', as } as const] };
    return updates(establish(network.answer(), open))[0]?.attributes;
  };

  it('of a route win over the peer’s, key by key', () => {
    expect(attributesOf({}, { med: 5, communities: ['65000:1'] }, { med: 7, largeCommunities: ['1:2:3'] })).toMatchObject({
      med: 7,
      communities: ['65000:1'],
      largeCommunities: ['1:2:3'],
    });
  });

  it('prepend the own AS on eBGP', () => {
    expect(attributesOf({}, {}, { prepend: 2 })?.asPath).toEqual([{ kind: 'sequence', ases: [65010, 65010, 65010] }]);
  });

  it('keep local preference away from eBGP', () => {
    expect(attributesOf({}, {}, { localPref: 200 })).not.toHaveProperty('localPref');
  });

  it('on iBGP give local preference, 100 by default, and an empty path', () => {
    expect(attributesOf({ localAs: 65010 }, {}, { prepend: 2 })).toMatchObject({ localPref: 100, asPath: [] });
    expect(attributesOf({ localAs: 65010 }, {}, { localPref: 200 })).toMatchObject({ localPref: 200 });
  });
});

describe('a route by itself', () => {
  const told = (route: Partial<Advertisement>, overrides: Partial<SpeakerConfig> = {}) => {
    const { network, speaker } = setUp(overrides);
    speaker.set([{ ...host(1, { communities: ['65000:7'], med: 5, localPref: 300 }), ...route }, host(2)]);
    return updates(establish(network.answer()));
  };

  it('that is about to go asks for other paths, and the others do not', () => {
    const sent = told({ draining: true });
    const going = sent.find(({ announced: prefixes }) => prefixes.includes('203.0.113.1/32'));
    expect(going?.announced).toEqual(['203.0.113.1/32']);
    expect(going?.attributes).toMatchObject({ communities: ['65000:7', '65535:0'], med: 0xffff_ffff });
    expect(sent.find(({ announced: prefixes }) => prefixes.includes('203.0.113.2/32'))?.attributes).not.toHaveProperty('med');
  });

  it('that is about to go has the lowest preference on iBGP', () => {
    const going = told({ draining: true }, { localAs: 65000 }).find(({ announced: [prefix] }) => prefix === '203.0.113.1/32');
    expect(going?.attributes).toMatchObject({ communities: ['65000:7', '65535:0'], localPref: 0, med: 5 });
  });

  it('that is a blackhole says so beside its own communities', () => {
    const hole = told({ blackhole: true }).find(({ announced: [prefix] }) => prefix === '203.0.113.1/32');
    expect(hole?.attributes).toMatchObject({ communities: ['65000:7', '65535:666'], med: 5 });
  });

  it('is told again when only such a mark changes, without a withdrawal', () => {
    const { network, speaker } = setUp();
    const connection = establish(network.answer());
    speaker.set([host(1)]);
    connection.take();
    for (const [mark, communities] of [
      [{ draining: true }, ['65535:0']],
      [{ blackhole: true }, ['65535:666']],
      [{}, undefined],
    ] as const) {
      speaker.set([{ ...host(1), ...mark }]);
      const [sent] = updates(connection);
      expect(sent).toMatchObject({ withdrawn: [], announced: ['203.0.113.1/32'] });
      expect(sent?.attributes.communities).toEqual(communities);
    }
  });
});
