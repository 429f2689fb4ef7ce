import { describe, expect, it } from 'vitest';
import { BgpSpeaker } from '../../../src/bgp/speaker.ts';
import type { UpdateMessage } from '../../../src/bgp/update.ts';
import type { Advertisement, PeerConfig, SpeakerConfig } from '../../../src/model/peer.ts';
import { FakeClock, type FakeConnection, FakeNetwork, keepalive, routerOpen } from './support/fake-network.ts';
import { hex } from './support/wire.ts';

const peer: PeerConfig = {
  address: '10.66.0.1',
  port: 179,
  as: 65000,
  passive: false,
  holdTimeSec: 9,
  connectRetrySec: 5,
  policy: {},
};
const config: SpeakerConfig = { localAs: 65010, routerId: '10.66.0.11', drainSec: 5, peers: [peer] };

const host = (n: number, policy = {}): Advertisement => ({ prefix: `203.0.113.${n}/32`, policy });

const setUp = (overrides: Partial<SpeakerConfig> = {}) => {
  const network = new FakeNetwork();
  const clock = new FakeClock();
  const logs: string[] = [];
  const speaker = new BgpSpeaker(
    { ...config, ...overrides },
    { onChange: () => undefined, onLog: ({ message }) => logs.push(message), transport: network, clock },
  );
  const status = () => speaker.peers()[0];
  return { network, clock, speaker, logs, status };
};

const establish = (connection: FakeConnection, open = routerOpen) => {
  connection.say(open, keepalive);
  return connection;
};

const updates = (connection: FakeConnection): UpdateMessage[] =>
  connection.take().filter((message): message is UpdateMessage => message.kind === 'update');
const announced = (messages: readonly UpdateMessage[]) => messages.flatMap((message) => message.announced);
const withdrawn = (messages: readonly UpdateMessage[]) => messages.flatMap((message) => message.withdrawn);
const isEndOfRib = ({ announced, withdrawn, attributes }: UpdateMessage) =>
  announced.length + withdrawn.length + Object.keys(attributes).length === 0;

describe('an established session', () => {
  it('is offered the own family, route refresh and the 4-octet AS', () => {
    const { network } = setUp();
    expect(network.answer().take()).toEqual([
      {
        kind: 'open',
        as: 65010,
        holdTimeSec: 9,
        routerId: '10.66.0.11',
        capabilities: [{ kind: 'multiprotocol', afi: 1, safi: 1 }, { kind: 'routeRefresh' }, { kind: 'fourOctetAs', as: 65010 }],
      },
    ]);
  });

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
    const { network } = setUp();
    expect(updates(establish(network.answer())).map(isEndOfRib)).toEqual([true]);
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

  it('takes, counts and ignores whatever the peer announces', () => {
    const { network, status, speaker } = setUp();
    const connection = establish(network.answer());
    connection.sayBytes(hex(`${'ff'.repeat(16)}001a02 0000 0003 400100`));
    expect(status()).toMatchObject({ state: 'established', messages: { received: { update: 1 } } });
    expect(speaker.messages('10.66.0.1')?.at(-1)).toMatchObject({ direction: 'received', message: { kind: 'update' } });
  });

  it('keeps the last 64 messages', () => {
    const { network, speaker } = setUp();
    const connection = establish(network.answer());
    for (let i = 0; i < 100; i++) connection.say(keepalive);
    expect(speaker.messages('10.66.0.1')).toHaveLength(64);
    expect(speaker.messages('10.66.0.2')).toBeUndefined();
  });
});

describe('timers of a session', () => {
  it('send a KEEPALIVE within a third of the hold time, jittered', async () => {
    const { network, clock } = setUp();
    const connection = establish(network.answer());
    connection.take();
    clock.randomValue = 0;
    await clock.advance(3000);
    expect(connection.take()).toEqual([keepalive]);
    await clock.advance(2249);
    expect(connection.take()).toEqual([]);
    await clock.advance(1);
    expect(connection.take()).toEqual([keepalive]);
  });

  it('end it with 4/0 when the peer is silent for the hold time, and dial again', async () => {
    const { network, clock, status } = setUp();
    const connection = establish(network.answer());
    await clock.advance(8999);
    expect(connection.fate).toBe('open');
    connection.take();
    await clock.advance(1);
    expect(connection.take()).toMatchObject([{ kind: 'notification', code: 4, subcode: 0 }]);
    expect(connection.fate).toBe('ended');
    expect(status()).toMatchObject({ state: 'idle', flaps: 1, lastError: { direction: 'sent', code: 4 } });
    await clock.advance(1000);
    expect(network.dials).toHaveLength(2);
  });

  it('forgive silence that was only our own pause', async () => {
    const { network, clock } = setUp();
    const connection = establish(network.answer());
    const run = clock.runAfterInput.bind(clock);
    clock.runAfterInput = () => {
      connection.say(keepalive);
      run();
    };
    await clock.advance(9000);
    expect(connection.fate).toBe('open');
  });

  it('are not held up by a trickle of bytes that make no message', async () => {
    const { network, clock } = setUp();
    const connection = establish(network.answer());
    const run = clock.runAfterInput.bind(clock);
    clock.runAfterInput = () => {
      connection.sayBytes(hex('ff'));
      run();
    };
    await clock.advance(9000);
    expect(connection.fate).toBe('ended');
  });

  it('end it when no OPEN comes', async () => {
    const { network, clock } = setUp();
    const connection = network.answer();
    connection.take();
    await clock.advance(60_000);
    expect(connection.take()).toMatchObject([{ kind: 'notification', code: 4 }]);
  });

  it('do not run with hold time 0', async () => {
    const { network, clock, status } = setUp();
    const connection = establish(network.answer(), { ...routerOpen, holdTimeSec: 0 });
    connection.take();
    await clock.advance(600_000);
    expect(connection.take()).toEqual([]);
    expect(status()).toMatchObject({ state: 'established', holdTimeSec: 0 });
  });

  it('reset it when the peer’s host acknowledges nothing for 30 s', async () => {
    const { network, clock, status } = setUp();
    const connection = establish(network.answer());
    connection.unacknowledged = 1;
    const living = async (ms: number) => {
      for (let waited = 0; waited < ms; waited += 1000) {
        connection.say(keepalive);
        connection.unacknowledged += 19;
        await clock.advance(1000);
      }
    };
    await living(30_000);
    expect(connection.fate).toBe('open');
    await living(6000);
    expect(connection.fate).toBe('reset');
    expect(status()).toMatchObject({ lastError: { direction: 'local', code: 8 } });
  });
});

describe('after a lost session', () => {
  it('dials again, waiting longer each time up to connectRetrySec, jittered', async () => {
    const { network, clock } = setUp();
    const waits: number[] = [];
    for (let i = 1; i <= 5; i++) {
      network.refuse();
      const before = clock.nowMs();
      while (network.dials.length === i) await clock.advance(50);
      waits.push(clock.nowMs() - before);
    }
    expect(waits).toEqual([1000, 2000, 4000, 5000, 5000]);
    clock.randomValue = 0;
    network.refuse();
    await clock.advance(3749);
    expect(network.dials).toHaveLength(6);
    await clock.advance(1);
    expect(network.dials).toHaveLength(7);
  });

  it('announces what should be announced now, not what was', async () => {
    const { network, clock, speaker, status } = setUp();
    speaker.set([host(1), host(2)]);
    establish(network.answer()).hangUp();
    expect(status()).toMatchObject({ announced: 0, flaps: 1, lastError: { direction: 'local', code: 0 } });
    speaker.set([host(2), host(3)]);
    await clock.advance(1000);
    const sent = updates(establish(network.answer()));
    expect(announced(sent)).toEqual(['203.0.113.2/32', '203.0.113.3/32']);
    expect(withdrawn(sent)).toEqual([]);
  });

  const strangeOpen = { ...routerOpen, as: 65099, capabilities: [{ kind: 'fourOctetAs', as: 65099 } as const] };

  it('keeps showing why the router is refused while it closes the next connections without a word', async () => {
    const { network, clock, status, logs } = setUp();
    for (let round = 0; round < 3; round++) {
      network.answer().say(strangeOpen);
      await clock.advance(5000);
      network.answer().hangUp();
      expect(status()).toMatchObject({ lastError: { direction: 'sent', code: 2, subcode: 2 } });
      await clock.advance(5000);
    }
    expect(logs).toHaveLength(2);
    network.refuse();
    expect(status()).toMatchObject({ lastError: { direction: 'local', code: 0 } });
    await clock.advance(5000);
    establish(network.answer()).hangUp();
    expect(status()).toMatchObject({ lastError: { direction: 'local', code: 0 } });
    expect(logs.at(-1)).toContain('session lost');
  });

  it('says the same failure once', async () => {
    const { network, clock, logs } = setUp();
    for (let i = 1; i <= 4; i++) {
      network.refuse();
      await clock.advance(5000);
    }
    expect(logs).toHaveLength(1);
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

describe('leaving on purpose', () => {
  it('asks for other paths, waits, withdraws, and says why', async () => {
    const { network, clock, speaker } = setUp();
    speaker.set([host(1)]);
    const connection = establish(network.answer());
    connection.take();
    const closed = speaker.close(true);
    expect(updates(connection)).toMatchObject([
      { announced: ['203.0.113.1/32'], attributes: { communities: ['65535:0'], med: 0xffff_ffff } },
    ]);
    for (let second = 0; second < 4; second++) {
      connection.say(keepalive);
      await clock.advance(1000);
    }
    expect(withdrawn(updates(connection))).toEqual([]);
    await clock.advance(1000);
    await closed;
    const [withdrawal, cease] = connection.take();
    expect(withdrawal).toMatchObject({ kind: 'update', withdrawn: ['203.0.113.1/32'] });
    expect(cease).toMatchObject({ kind: 'notification', code: 6, subcode: 2 });
    expect(connection.fate).toBe('ended');
  });

  it('lowers the local preference on iBGP', () => {
    const { network, speaker } = setUp({ localAs: 65000 });
    speaker.set([host(1, { localPref: 300 })]);
    const connection = establish(network.answer());
    connection.take();
    void speaker.close(true);
    const [sent] = updates(connection);
    expect(sent?.attributes).toMatchObject({ localPref: 0, communities: ['65535:0'] });
    expect(sent?.attributes).not.toHaveProperty('med');
  });

  it('does not wait when nothing is announced, or when it is not to be graceful', async () => {
    const idle = setUp();
    await idle.speaker.close(true);
    const abrupt = setUp();
    abrupt.speaker.set([host(1)]);
    const connection = establish(abrupt.network.answer());
    connection.take();
    await abrupt.speaker.close(false);
    expect(connection.take()).toMatchObject([{ kind: 'notification', code: 6, subcode: 2 }]);
  });

  it('waits for no peer that does not read', async () => {
    const { network, clock, speaker } = setUp();
    speaker.set([host(1)]);
    const connection = establish(network.answer());
    connection.stalled = true;
    connection.backlogBytes = 100_000;
    let done = false;
    const closed = speaker.close(true).then(() => {
      done = true;
    });
    for (let second = 0; second < 7; second++) {
      connection.say(keepalive);
      await clock.advance(1000);
    }
    expect(done).toBe(true);
    await closed;
  });

  it('still withdraws what fails during the drain, and takes on nothing', async () => {
    const { network, clock, speaker } = setUp();
    speaker.set([host(1), host(2)]);
    const connection = establish(network.answer());
    const closed = speaker.close(true);
    connection.take();
    speaker.set([host(2, { med: 7 }), host(3)]);
    const sent = updates(connection);
    expect(withdrawn(sent)).toEqual(['203.0.113.1/32']);
    expect(announced(sent)).toEqual([]);
    await clock.advance(5000);
    await closed;
    expect(withdrawn(updates(connection))).toEqual(['203.0.113.2/32']);
    speaker.set([host(2)]);
    expect(connection.take()).toEqual([]);
  });

  it('dials nobody afterwards and takes no routes', async () => {
    const { network, clock, speaker } = setUp();
    await speaker.close(false);
    speaker.set([host(1)]);
    await clock.advance(60_000);
    expect(network.dials).toHaveLength(1);
    expect(network.dials[0]?.cancelled).toBe(true);
  });
});

describe('a change of the document', () => {
  const other: PeerConfig = { ...peer, address: '10.66.0.2' };

  it('leaves sessions of unchanged peers alone', () => {
    const { network, speaker, status } = setUp();
    speaker.set([host(1)]);
    const connection = establish(network.answer());
    connection.take();
    speaker.configure({ ...config, peers: [peer, other], drainSec: 1 });
    expect(connection.take()).toEqual([]);
    expect(status()?.state).toBe('established');
    expect(network.dials.at(-1)?.target.address).toBe('10.66.0.2');
  });

  it('tells a peer that is gone so', () => {
    const { network, speaker } = setUp();
    const connection = establish(network.answer());
    connection.take();
    speaker.configure({ ...config, peers: [] });
    expect(connection.take()).toMatchObject([{ kind: 'notification', code: 6, subcode: 3 }]);
    expect(speaker.peers()).toEqual([]);
  });

  it('starts a session over when its own settings changed', () => {
    const { network, speaker } = setUp();
    const connection = establish(network.answer());
    connection.take();
    speaker.configure({ ...config, peers: [{ ...peer, holdTimeSec: 30 }] });
    expect(connection.take()).toMatchObject([{ kind: 'notification', code: 6, subcode: 6 }]);
    expect(network.answer().take()).toMatchObject([{ kind: 'open', holdTimeSec: 30 }]);
  });

  it('tells the routes again when only the policy changed', () => {
    const { network, speaker, status } = setUp();
    speaker.set([host(1)]);
    const connection = establish(network.answer());
    connection.take();
    speaker.configure({ ...config, peers: [{ ...peer, policy: { med: 9 } }] });
    expect(updates(connection)).toMatchObject([{ announced: ['203.0.113.1/32'], attributes: { med: 9 } }]);
    expect(status()?.state).toBe('established');
  });
});

describe('listening', () => {
  const listen = { address: '10.66.0.11', port: 179 };

  it('is done only where the document says so', () => {
    expect(setUp().network.listening).toBeUndefined();
    expect(setUp({ listen }).network.listening).toEqual(listen);
  });

  it('takes calls of passive peers, which are never dialled', async () => {
    const { network, clock, status } = setUp({ listen, peers: [{ ...peer, passive: true }] });
    await clock.advance(60_000);
    expect(network.dials).toEqual([]);
    expect(status()?.state).toBe('active');
    establish(network.call());
    expect(status()?.state).toBe('established');
  });

  it('hangs up on strangers without a word', () => {
    const { network } = setUp({ listen });
    const stranger = network.call('198.51.100.99');
    expect(stranger.fate).toBe('reset');
    expect(stranger.take()).toEqual([]);
  });

  it('says once why it is not possible, names the capability, and tries again', async () => {
    const { network, clock, speaker, logs } = setUp();
    network.listenError = new Error('listen EACCES: permission denied');
    speaker.configure({ ...config, listen });
    await clock.advance(20_000);
    expect(logs).toHaveLength(1);
    expect(logs[0]).toContain('CAP_NET_BIND_SERVICE');
    expect(speaker.troubles()).toEqual(logs);
    network.listenError = undefined;
    await clock.advance(5000);
    expect(network.listening).toEqual(listen);
    expect(speaker.troubles()).toEqual([]);
    network.listenError = new Error('listen EADDRINUSE');
    speaker.configure({ ...config, listen: { ...listen, port: 1790 } });
    await clock.advance(1);
    expect(speaker.troubles()).toHaveLength(1);
    speaker.configure(config);
    expect(speaker.troubles()).toEqual([]);
  });
});
