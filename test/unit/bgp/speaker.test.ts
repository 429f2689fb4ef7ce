import { describe, expect, it } from 'vitest';
import type { PeerConfig } from '../../../src/model/peer.ts';
import { keepalive } from './support/fake-network.ts';
import { announced, config, establish, host, isEndOfRib, peer, setUp, updates, withdrawn } from './support/session-bed.ts';

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

  it('keeps its sessions once it has withdrawn, until it is closed', async () => {
    const { network, clock, speaker, status } = setUp({ drainSec: 1 });
    speaker.set([host(1)]);
    const connection = establish(network.answer());
    const left = speaker.leave();
    await clock.advance(1000);
    await left;
    expect(withdrawn(updates(connection))).toEqual(['203.0.113.1/32']);
    for (let second = 0; second < 30; second++) {
      connection.say(keepalive);
      await clock.advance(1000);
    }
    expect(status()).toMatchObject({ state: 'established', announced: 0 });
    expect(new Set(connection.take().map(({ kind }) => kind))).toEqual(new Set(['keepalive']));
    speaker.set([host(1), host(2)]);
    expect(connection.take()).toEqual([]);
    await speaker.close(true);
    expect(connection.take()).toMatchObject([{ kind: 'notification', code: 6, subcode: 2 }]);
  });

  it('tells nothing to who comes back after it has withdrawn', async () => {
    const { network, clock, speaker } = setUp({ drainSec: 1 });
    speaker.set([host(1)]);
    const first = establish(network.answer());
    const left = speaker.leave();
    await clock.advance(1000);
    await left;
    first.hangUp();
    await clock.advance(5000);
    const second = establish(network.answer());
    expect(updates(second).filter((update) => !isEndOfRib(update))).toEqual([]);
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
    const closed = speaker.close(true);
    for (let second = 0; second < 7; second++) {
      connection.say(keepalive);
      await clock.advance(1000);
    }
    // Nothing moves the clock any more.
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

  it('does not blame new settings for what failed under the old ones', async () => {
    const { network, clock, speaker, status, logs } = setUp();
    const refused = (): void => network.dials.at(-1)?.handlers.onFailed('connect ECONNREFUSED');
    refused();
    expect(status()?.lastError?.text).toBe('connect ECONNREFUSED');
    speaker.configure({ ...config, peers: [{ ...peer, port: 1790 }] });
    expect(status()?.lastError).toBeNull();
    const before = logs.length;
    refused();
    expect(status()?.lastError?.text).toBe('connect ECONNREFUSED');
    expect(logs.slice(before)).toHaveLength(1);
    await clock.advance(0);
  });

  it('keeps what failed where only the policy changed', () => {
    const { network, speaker, status } = setUp();
    network.dials.at(-1)?.handlers.onFailed('connect ECONNREFUSED');
    speaker.configure({ ...config, peers: [{ ...peer, policy: { med: 9 } }] });
    expect(status()?.lastError?.text).toBe('connect ECONNREFUSED');
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
