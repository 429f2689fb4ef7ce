// GTSM and the TTLs that sessions are sent with, on loopback, where packets keep the TTL they were given.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { peerSocket } from '../../../src/bgp/peer-socket.ts';
import { descriptorOf } from '../../../src/bgp/tcp-connection.ts';
import { makeTcpTransport } from '../../../src/bgp/tcp-transport.ts';
import { loadNetAddon, type Route, type SocketProtection } from '../../../src/net.ts';
import { dialled, dialTarget, hear, plainSocket, resetOf, silenceMs, TcpBed, tcpCounter } from './support/tcp-bed.ts';

describe('a peer’s sockets', () => {
  const peer = { address: '10.0.0.1', port: 179, as: 65000, passive: false, holdTimeSec: 9, connectRetrySec: 5, policy: {} };

  it.each([
    ['eBGP stays on the own link', {}, 65010, 1, 0],
    ['iBGP may be anywhere', {}, 65000, 64, 0],
    ['multihop says how far', { multihop: 5 }, 65010, 5, 0],
    ['multihop says so on iBGP too', { multihop: 5 }, 65000, 5, 0],
    ['ttlSecurity of one hop hears what passed no router', { ttlSecurity: 1 }, 65010, 255, 255],
    ['ttlSecurity of three hops hears what passed two', { ttlSecurity: 3 }, 65000, 255, 253],
  ])('%s', (_what, settings, localAs, ttl, minTtl) => {
    expect(peerSocket({ ...peer, ...settings }, localAs)).toMatchObject({ ttl, minTtl });
  });

  it('may have data unacknowledged for twice the hold time, at least 30 s', () => {
    expect(peerSocket(peer, 65010).userTimeoutMs).toBe(30_000);
    expect(peerSocket({ ...peer, holdTimeSec: 90 }, 65010).userTimeoutMs).toBe(180_000);
  });
});

describe.each([
  ['IPv4', '127.0.0.1', '127.0.0.2'],
  ['IPv6', '::1', '::1'],
])('over %s', (_family, address, caller) => {
  let bed: TcpBed | undefined;
  let server: Server | undefined;
  afterEach(() => {
    bed?.close();
    server?.close();
  });
  const secured = { ...plainSocket(caller), ttl: 255, minTtl: 255 };

  it('who calls with ttlSecurity is heard, and hears the answer', async () => {
    bed = await TcpBed.start(address, [secured]);
    const there = await bed.call({ localAddress: caller, ttl: 255, minTtl: 255 });
    if (typeof there === 'string') throw new Error(there);
    const ears = [hear(there), hear(await bed.taken())] as const;
    there.write(Buffer.from('hello'));
    await ears[1].until(() => ears[1].text === 'hello');
  });

  it('who calls from further away is turned away, and the words have both TTLs', async () => {
    bed = await TcpBed.start(address, [secured]);
    expect(await resetOf(await bed.call({ localAddress: caller, ttl: 64 }))).not.toBe('');
    expect(await bed.refusal()).toBe(`${caller}: called with TTL 64, where ttlSecurity expects at least 255`);
  });

  it('what comes from further away on a session that stands is dropped', async () => {
    bed = await TcpBed.start(address, [secured]);
    const calling = makeTcpTransport(() => ({ ...loadNetAddon(), protectSocket: remember }));
    const descriptors: number[] = [];
    function remember(descriptor: number, protection: SocketProtection): void {
      descriptors.push(descriptor);
      loadNetAddon().protectSocket(descriptor, protection);
    }
    const target = dialTarget({ address, port: bed.port, localAddress: caller, ttl: 255 });
    const there = await dialled(target, calling);
    const here = await bed.taken();
    if (typeof there === 'string') throw new Error(there);
    const ear = hear(here);
    const lower = (ttl: number) =>
      loadNetAddon().protectSocket(descriptors[0] ?? -1, {
        peer: address,
        ttl,
        minTtl: 0,
        userTimeoutMs: 0,
        key: new Uint8Array(),
      });
    const before = tcpCounter('TCPMinTTLDrop');
    lower(254);
    there.write(Buffer.from('far '));
    expect(tcpCounter('TCPMinTTLDrop')).toBeGreaterThan(before);
    expect(await there.unacknowledgedBytes()).toBe(4);
    // The kernel sends it again, now as a neighbour would.
    lower(255);
    await ear.until(() => ear.text === 'far ');
    there.reset();
  });

  it('an answer from further away is none, and the words say what may be wrong', async () => {
    server = createServer().listen(0, address);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await dialled(dialTarget({ address, port, ttl: 255, minTtl: 255, timeoutMs: silenceMs }))).toBe(
      'no answer within 0.3 s; with ttlSecurity set, this is also how a router looks that does not send with TTL 255',
    );
  });

  it('a call is sent with the TTL that is asked for', async () => {
    server = createServer();
    const descriptor = loadNetAddon().listeningSocket(address, 0);
    server.listen({ fd: descriptor });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (const ttl of [1, 5, 255]) {
      const taken = once(server, 'connection') as Promise<[Socket]>;
      const there = await dialled(dialTarget({ address, port, localAddress: caller, ttl }));
      const [socket] = await taken;
      expect(loadNetAddon().synTtl(descriptorOf(socket) ?? -1)).toBe(ttl);
      socket.destroy();
      if (typeof there !== 'string') there.reset();
    }
  });
});

describe('a router that is not on the own link', () => {
  const routed = (route: Route) => makeTcpTransport(() => ({ ...loadNetAddon(), routes: () => [route] }));
  const overGateway = routed({ kind: 'unicast', ifindex: 2, gateway: '192.0.2.1', source: null, mtuBytes: null });
  const direct = routed({ kind: 'unicast', ifindex: 2, gateway: null, source: null, mtuBytes: null });
  // Answers nothing: the call is signed, and the listener knows no key.
  const silent = { ...dialTarget({ address: '127.0.0.1', port: 1, timeoutMs: silenceMs }), ttl: 1, password: 'any' };
  let bed: TcpBed;
  afterEach(() => bed.close());

  it('is suspected where no router may be passed and the way leads over one', async () => {
    bed = await TcpBed.start('127.0.0.1', []);
    const hint = 'it is reached over 192.0.2.1 and not on the own link';
    const call = { ...silent, port: bed.port };
    expect(await dialled(call, overGateway)).toContain(hint);
    expect(await dialled({ ...call, ttl: 255, minTtl: 255 }, overGateway)).toContain(hint);
    expect(await dialled({ ...call, ttl: 255, minTtl: 254 }, overGateway)).not.toContain(hint);
    expect(await dialled({ ...call, ttl: 2 }, overGateway)).not.toContain(hint);
    expect(await dialled(call, direct)).not.toContain('own link');
  });
});
