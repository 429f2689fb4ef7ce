import { describe, expect, it } from 'vitest';
import type { Message } from '../../../src/bgp/messages.ts';
import { notification } from '../../../src/bgp/notification.ts';
import { keepalive, routerOpen } from './support/fake-network.ts';
import { announced, establish, host, peer, setUp, updates, withdrawn } from './support/session-bed.ts';
import { hex } from './support/wire.ts';

const update: Message = {
  kind: 'update',
  withdrawn: ['192.0.2.0/24'],
  attributes: { origin: 'igp', asPath: [{ kind: 'sequence', ases: [65000] }], nextHop: '10.66.0.1' },
  announced: ['0.0.0.0/0', '198.51.100.0/24'],
  faults: [],
  discarded: [],
};

describe('an established session', () => {
  it('is offered the own family and all that this speaker can do', () => {
    const { network } = setUp();
    expect(network.answer().take()).toEqual([
      {
        kind: 'open',
        as: 65010,
        holdTimeSec: 9,
        routerId: '10.66.0.11',
        capabilities: [
          { kind: 'multiprotocol', afi: 1, safi: 1 },
          { kind: 'routeRefresh' },
          { kind: 'extendedMessage' },
          { kind: 'fourOctetAs', as: 65010 },
          { kind: 'enhancedRouteRefresh' },
          { kind: 'hostname', hostname: 'lb1', domain: 'example.net' },
        ],
      },
    ]);
  });

  it('takes, counts and ignores whatever the peer announces', () => {
    const { network, status, speaker } = setUp();
    const connection = establish(network.answer());
    connection.say(update);
    expect(status()).toMatchObject({ state: 'established', messages: { received: { update: 1 } } });
    expect(status()).not.toHaveProperty('defaultRoutes');
    expect(speaker.messages('10.66.0.1')?.at(-1)).toMatchObject({ direction: 'received', message: { kind: 'update' } });
  });

  it('keeps the last 64 messages', () => {
    const { network, speaker } = setUp();
    const connection = establish(network.answer());
    for (let i = 0; i < 100; i++) connection.say(update);
    expect(speaker.messages('10.66.0.1')).toHaveLength(64);
    expect(speaker.messages('10.66.0.2')).toBeUndefined();
  });
});

describe('a peer that calls again and again', () => {
  it('is told why its older calls end, and only reset when too many of them are still ending', async () => {
    const { network } = setUp({ peers: [{ ...peer, passive: true }], listen: { address: '0.0.0.0', port: 179 } });
    await Promise.resolve();
    const calls = Array.from({ length: 12 }, () => {
      const connection = network.call();
      connection.lingers = true;
      return connection;
    });
    const fates = ['ended', 'ended', 'ended', 'ended', 'ended', 'ended', 'ended', 'ended', 'reset', 'reset', 'reset', 'open'];
    expect(calls.map(({ fate }) => fate)).toEqual(fates);
    expect(calls[0]?.take().at(-1)).toMatchObject({ kind: 'notification', code: 6, subcode: 7 });
    expect(calls[9]?.take().map(({ kind }) => kind)).toEqual(['open']);
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
    expect(status()).toMatchObject({
      state: 'idle',
      flaps: 1,
      lastError: { direction: 'sent', code: 4, text: 'hold timer expired' },
    });
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
    connection.take();
    await living(6000);
    expect(connection.take()).toContainEqual(notification(8));
    expect(connection.fate).toBe('reset');
    expect(status()).toMatchObject({ lastError: { direction: 'sent', code: 8, subcode: 0 } });
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
