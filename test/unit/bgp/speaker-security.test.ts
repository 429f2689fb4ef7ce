// What the speaker makes of passwords and TTLs: who is dialled how, who may call, and what a change of the document ends.

import { describe, expect, it } from 'vitest';
import { BgpSpeaker } from '../../../src/bgp/speaker.ts';
import type { PeerConfig, SpeakerConfig } from '../../../src/model/peer.ts';
import { peerConfig } from '../../support/peer-config.ts';
import { FakeClock, type FakeConnection, FakeNetwork, keepalive, routerOpen } from './support/fake-network.ts';

const listen = { address: '10.66.0.11', port: 179 };
const config: SpeakerConfig = { localAs: 65010, routerId: '10.66.0.11', drainSec: 0, listen, peers: [] };

const setUp = async (...peers: readonly PeerConfig[]) => {
  const network = new FakeNetwork();
  const clock = new FakeClock();
  const logs: string[] = [];
  const options = { onChange: () => undefined, onLog: ({ message }: { readonly message: string }) => void logs.push(message) };
  const speaker = new BgpSpeaker({ ...config, peers }, { ...options, transport: network, clock });
  // It listens a turn later.
  await clock.advance(1);
  const configure = (...next: readonly PeerConfig[]) => speaker.configure({ ...config, peers: next });
  const status = (address: string) => speaker.peers().find((peer) => peer.address === address);
  return { network, clock, logs, speaker, configure, status };
};

const establish = (connection: FakeConnection): FakeConnection => {
  connection.say(routerOpen, keepalive);
  connection.take();
  return connection;
};

const secret = 'hunter2';
const first = peerConfig('10.66.0.1', { password: secret });
const second = peerConfig('10.66.0.2', { ttlSecurity: 1 });

describe('a peer’s password and TTLs', () => {
  it('go with each call to it, and with what may call here', async () => {
    const { network } = await setUp(first, second);
    const sockets = [
      { address: '10.66.0.1', password: secret, ttl: 1, minTtl: 0, userTimeoutMs: 30_000 },
      { address: '10.66.0.2', password: undefined, ttl: 255, minTtl: 255, userTimeoutMs: 30_000 },
    ];
    expect(network.dials.map(({ target }) => target)).toMatchObject(sockets);
    expect(network.callers).toEqual(sockets);
  });

  it('end that peer’s session alone when they change, after who calls was told the new ones', async () => {
    const { network, configure, status } = await setUp(first, second);
    const connections = [establish(network.call('10.66.0.1')), establish(network.call('10.66.0.2'))];
    const dials = network.dials.length;
    configure({ ...first, password: 'another' }, second);
    expect(connections[0]?.take()).toMatchObject([{ kind: 'notification', code: 6, subcode: 6 }]);
    expect(connections.map((connection) => connection?.fate)).toEqual(['ended', 'open']);
    expect(network.callers[0]).toMatchObject({ address: '10.66.0.1', password: 'another' });
    expect(network.dials.slice(dials).map(({ target }) => target.password)).toEqual(['another']);
    expect(status('10.66.0.2')).toMatchObject({ state: 'established', flaps: 0 });
    configure({ ...first, password: 'another' }, { ...second, ttlSecurity: 2 });
    expect(connections[1]?.fate).toBe('ended');
    expect(network.callers[1]).toMatchObject({ minTtl: 254 });
  });

  it('are gone with the peer', async () => {
    const { network, configure } = await setUp(first, second);
    configure(second);
    expect(network.callers.map(({ address }) => address)).toEqual(['10.66.0.2']);
  });

  it('follow the local AS, which makes the peer another kind', async () => {
    const { network, speaker } = await setUp(peerConfig('10.66.0.1'));
    speaker.configure({ ...config, localAs: 65000, peers: [peerConfig('10.66.0.1')] });
    expect(network.dials.map(({ target }) => target.ttl)).toEqual([1, 64]);
    expect(network.callers[0]?.ttl).toBe(64);
  });

  it('are shown nowhere', async () => {
    const { network, logs, speaker, configure } = await setUp(first);
    establish(network.answer());
    network.turnAway('10.66.0.1', 'called with TTL 64');
    configure({ ...first, password: `${secret}${secret}` });
    network.refuse('no answer within 5 s');
    const shown = JSON.stringify([speaker.peers(), speaker.troubles(), speaker.messages('10.66.0.1'), logs]);
    expect(shown).toContain('no answer within 5 s');
    expect(shown).not.toContain(secret);
  });
});

describe('a call that is turned away', () => {
  it('is that peer’s last error, and logged once', async () => {
    const { network, logs, status } = await setUp({ ...second, passive: true });
    const text = 'called with TTL 64, where ttlSecurity expects at least 255';
    for (let i = 0; i < 3; i++) network.turnAway('10.66.0.2', text);
    expect(status('10.66.0.2')).toMatchObject({ state: 'active', lastError: { direction: 'local', text } });
    expect(logs.filter((line) => line.includes(text))).toEqual([`call refused: ${text}`]);
  });
});

describe('a password that the kernel refuses', () => {
  it('is a trouble of listening, until mended', async () => {
    const { network, speaker, configure } = await setUp();
    network.admitTrouble = '10.66.0.1 cannot call: no TCP MD5';
    configure(first);
    expect(speaker.troubles()).toEqual(['node.bgp.listen: 10.66.0.1 cannot call: no TCP MD5']);
    network.admitTrouble = null;
    configure(peerConfig('10.66.0.1'));
    expect(speaker.troubles()).toEqual([]);
  });
});
