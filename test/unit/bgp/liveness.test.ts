// What the speaker does with word of a peer's death, over a network and a liveness that the test moves by hand.

import { describe, expect, it } from 'vitest';
import type { Liveness, LivenessEvents } from '../../../src/bgp/liveness.ts';
import { BgpSpeaker } from '../../../src/bgp/speaker.ts';
import type { BfdStatus } from '../../../src/model/bfd.ts';
import type { PeerConfig } from '../../../src/model/peer.ts';
import { FakeClock, FakeNetwork } from './support/fake-network.ts';
import { config, establish, host, peer } from './support/session-bed.ts';

const bfd: BfdStatus = {
  state: 'up',
  remoteState: 'up',
  uptimeSec: 1,
  intervalMs: 100,
  multiplier: 3,
  sendIntervalMs: 100,
  detectTimeMs: 300,
  flaps: 0,
  lastDiag: null,
  trouble: null,
  packets: { sent: 1, received: 1, discarded: 0 },
};

function setUp() {
  const network = new FakeNetwork();
  const clock = new FakeClock();
  const configured: (readonly PeerConfig[])[] = [];
  const order: string[] = [];
  let events: LivenessEvents | undefined;
  const liveness: Liveness = {
    configure: (peers) => void configured.push(peers),
    status: (address) => (address === peer.address ? bfd : null),
    troubles: () => ['BFD cannot receive'],
    discards: () => ({ stranger: 2 }),
    close: () => {
      order.push('BFD left');
      return Promise.resolve();
    },
  };
  const speaker = new BgpSpeaker(config, {
    onChange: () => undefined,
    onLog: ({ message }) => void order.push(message),
    transport: network,
    clock,
    hostname: 'lb1',
    liveness: (given) => {
      events = given;
      return liveness;
    },
  });
  if (events === undefined) throw new Error('the speaker asked for no liveness');
  return { network, clock, speaker, configured, order, events };
}

describe('a speaker whose peer BFD watches', () => {
  it('shows what is known of it', () => {
    const { speaker } = setUp();
    expect(speaker.peers()[0]?.bfd).toEqual(bfd);
    expect(speaker.troubles()).toEqual(['BFD cannot receive']);
    expect(speaker.bfdDiscards()).toEqual({ stranger: 2 });
  });

  it('ends the session at once when the peer is lost, and tries again only when it is back', async () => {
    const { network, clock, speaker, events } = setUp();
    speaker.set([host(1)]);
    const connection = establish(network.answer());
    connection.take();
    events.onLost(peer.address);
    expect(connection.take()).toMatchObject([{ kind: 'notification', code: 6, subcode: 10 }]);
    expect(speaker.peers()[0]).toMatchObject({
      state: 'idle',
      announced: 0,
      flaps: 1,
      lastError: { direction: 'sent', code: 6, subcode: 10 },
    });
    const dials = network.dials.length;
    await clock.advance(120_000);
    expect(network.dials).toHaveLength(dials);
    events.onRegained(peer.address);
    await clock.advance(1000);
    expect(network.dials).toHaveLength(dials + 1);
    establish(network.answer());
    expect(speaker.peers()[0]).toMatchObject({ state: 'established', announced: 1 });
  });

  it('is told of every change of the peers', () => {
    const { speaker, configured } = setUp();
    const other = { ...peer, address: '10.66.0.2', bfd: { intervalMs: 50, multiplier: 3 } };
    speaker.configure({ ...config, peers: [other] });
    expect(configured.map((peers) => peers.map(({ address }) => address))).toEqual([['10.66.0.1'], ['10.66.0.2']]);
  });

  it('lets BFD go last, and takes the answer of the router for no news', async () => {
    const { network, speaker, order, events } = setUp();
    const connection = establish(network.answer());
    connection.take();
    await speaker.close(false);
    expect(connection.take()).toMatchObject([{ kind: 'notification', code: 6, subcode: 2 }]);
    events.onLog({ level: 'warn', message: 'BFD down: neighbor signaled session down' });
    expect(order.at(-1)).toBe('BFD left');
  });

  it('takes no notice of peers it no longer has', () => {
    const { network, speaker, events, order } = setUp();
    const connection = establish(network.answer());
    connection.take();
    const before = speaker.peers();
    const told = [...order];
    events.onLost('10.66.0.99');
    events.onRegained('10.66.0.99');
    expect(connection.take()).toEqual([]);
    expect(speaker.peers()).toEqual(before);
    expect(order).toEqual(told);
  });
});
