// The native BFD thread and its binding, two ends of it over loopback. Ports are chosen so that runs side by side do not meet.

import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Bfd } from '../../../src/bgp/bfd.ts';
import { BfdWords } from '../../../src/bgp/bfd-words.ts';
import { systemClock } from '../../../src/bgp/clock.ts';
import type { BfdStatus } from '../../../src/model/bfd.ts';
import type { PeerConfig } from '../../../src/model/peer.ts';
import { type BfdHandle, type BfdSession, loadNetAddon } from '../../../src/net.ts';

const addon = loadNetAddon();
// Below the ports that the kernel gives away by itself.
const firstPort = 20_000 + (process.pid % 390) * 32;
let nextPort = firstPort;

function peer(address: string, bfd: PeerConfig['bfd'], more: Partial<PeerConfig> = {}): PeerConfig {
  const bgp = { port: 179, as: 65000, passive: false, holdTimeSec: 9, connectRetrySec: 5, policy: {} };
  return { address, ...bgp, ...(bfd === undefined ? {} : { bfd }), ...more };
}

/** One speaker's BFD, and what it told. */
class End {
  readonly bfd: Bfd;
  readonly told: string[] = [];
  readonly logs: string[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(port: number, peerPort: number) {
    const wake = () => {
      for (const waiting of this.#waiting) waiting();
    };
    const events = {
      onLost: (address: string) => void this.told.push(`lost ${address}`),
      onRegained: (address: string) => void this.told.push(`regained ${address}`),
      onChange: wake,
      onLog: ({ message }: { readonly message: string }) => void this.logs.push(message),
    };
    this.bfd = new Bfd({ addon, clock: systemClock, events, port, peerPort });
  }

  /** The first status that fits. */
  async status(address: string, fits: (status: BfdStatus) => boolean): Promise<BfdStatus> {
    for (;;) {
      const status = this.bfd.status(address);
      if (status !== null && fits(status)) return status;
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }
}

const far127 = { peer: '127.0.0.1', local: '127.0.0.2', intervalMs: 50, multiplier: 3 };

/** The native thread alone: it can die without a farewell, and its speaker can seem to stop. */
class FarEnd {
  readonly #port: number;
  readonly #session: BfdSession;
  #beating: NodeJS.Timeout | undefined;
  #running: { readonly handle: BfdHandle; readonly words: ArrayBuffer } | undefined;

  constructor(port: number, session: BfdSession) {
    this.#port = port;
    this.#session = session;
    this.live();
  }

  live(): void {
    this.#running = addon.bfdStart(this.#port, () => undefined);
    addon.bfdSet(this.#running.handle, 0, this.#session);
    this.beat(true);
  }

  die(): void {
    this.beat(false);
    if (this.#running !== undefined) addon.bfdStop(this.#running.handle);
  }

  beat(isAlive: boolean): void {
    clearInterval(this.#beating);
    if (!isAlive || this.#running === undefined) return;
    const words = new BfdWords(addon.bfdLayout(), this.#running.words);
    this.#beating = setInterval(() => words.beat(), 20);
  }
}

const isUp = ({ state }: BfdStatus) => state === 'up';
const isDown = ({ state }: BfdStatus) => state === 'down';

describe('BFD over loopback', () => {
  const ends: End[] = [];
  const closers: (() => void)[] = [];

  function pair(): readonly [End, End] {
    const [left, right] = [nextPort++, nextPort++];
    const made = [new End(left, right), new End(right, left)] as const;
    ends.push(...made);
    return made;
  }

  /** A speaker against a far end that stands still for `hungAfterMs` at most. */
  function upAgainstFar(hungAfterMs: number): { readonly left: End; readonly far: FarEnd } {
    const [left, right] = [nextPort++, nextPort++];
    const end = new End(left, right);
    const far = new FarEnd(right, { ...far127, peerPort: left, hungAfterMs });
    ends.push(end);
    closers.push(() => far.die());
    end.bfd.configure([peer('127.0.0.2', { intervalMs: 50, multiplier: 3 }, { localAddress: '127.0.0.1' })]);
    return { left: end, far };
  }

  /** Sends to the first end of the last pair. */
  async function stranger(ttl: number): Promise<(bytes: Uint8Array) => void> {
    const socket = createSocket('udp4');
    closers.push(() => socket.close());
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.3', resolve));
    socket.setTTL(ttl);
    return (bytes) => socket.send(bytes, nextPort - 2, '127.0.0.1');
  }

  afterEach(async () => {
    await Promise.all(ends.splice(0).map(({ bfd }) => bfd.close()));
    for (const close of closers.splice(0)) close();
  });

  it.each([
    ['127.0.0.1', '127.0.0.2'],
    ['::1', '::1'],
  ])('comes up between %s and %s, at the pace of the slower end', async (here, there) => {
    const [left, right] = pair();
    left.bfd.configure([peer(there, { intervalMs: 50, multiplier: 3 }, { localAddress: here })]);
    right.bfd.configure([peer(here, { intervalMs: 80, multiplier: 5 }, { localAddress: there })]);
    const agreed = ({ state, remoteState, sendIntervalMs, detectTimeMs }: BfdStatus) =>
      state === 'up' && remoteState === 'up' && sendIntervalMs === 80 && (detectTimeMs ?? 1000) < 1000;
    expect(await left.status(there, agreed)).toMatchObject({
      intervalMs: 50,
      multiplier: 3,
      detectTimeMs: 400,
      flaps: 0,
      lastDiag: null,
      trouble: null,
    });
    expect(await right.status(here, agreed)).toMatchObject({ state: 'up', detectTimeMs: 240 });
    expect([...left.told, ...right.told]).toEqual([]);
  });

  it('tells that a peer is lost when its packets stop, and that it is back', async () => {
    const { left, far } = upAgainstFar(60_000);
    await left.status('127.0.0.2', isUp);
    // As when its process is killed: without a farewell.
    far.die();
    expect(await left.status('127.0.0.2', isDown)).toMatchObject({ flaps: 1, lastDiag: 'control detection time expired' });
    expect(left.told).toEqual(['lost 127.0.0.2']);
    expect(left.logs.at(-1)).toBe('BFD down: control detection time expired');
    far.live();
    await left.status('127.0.0.2', isUp);
    expect(left.told).toEqual(['lost 127.0.0.2', 'regained 127.0.0.2']);
  });

  it('goes down where the speaker has stopped, and comes up when it goes on', async () => {
    const { left, far } = upAgainstFar(300);
    await left.status('127.0.0.2', isUp);
    far.beat(false);
    expect(await left.status('127.0.0.2', isDown)).toMatchObject({
      lastDiag: 'neighbor signaled session down',
      remoteState: 'down',
    });
    expect(left.logs.at(-1)).toBe('BFD down: neighbor signaled session down (path down)');
    far.beat(true);
    await left.status('127.0.0.2', isUp);
    expect(left.told).toEqual(['lost 127.0.0.2', 'regained 127.0.0.2']);
  });

  it('changes its interval by a poll, without a flap', async () => {
    const [left, right] = pair();
    const there = peer('127.0.0.2', { intervalMs: 50, multiplier: 3 }, { localAddress: '127.0.0.1' });
    left.bfd.configure([there]);
    right.bfd.configure([peer('127.0.0.1', { intervalMs: 50, multiplier: 3 }, { localAddress: '127.0.0.2' })]);
    await right.status('127.0.0.1', ({ detectTimeMs }) => detectTimeMs === 150);
    for (const [intervalMs, multiplier] of [
      [90, 3],
      [60, 4],
    ] as const) {
      left.bfd.configure([{ ...there, bfd: { intervalMs, multiplier } }]);
      await right.status('127.0.0.1', ({ detectTimeMs }) => detectTimeMs === intervalMs * multiplier);
      await left.status('127.0.0.2', ({ sendIntervalMs }) => sendIntervalMs === intervalMs);
    }
    expect(left.bfd.status('127.0.0.2')?.flaps).toBe(0);
    expect(right.bfd.status('127.0.0.1')?.flaps).toBe(0);
  });

  it('takes AdminDown for no loss', async () => {
    const [left, right] = pair();
    const fast = { intervalMs: 50, multiplier: 3 };
    left.bfd.configure([peer('127.0.0.2', fast, { localAddress: '127.0.0.1' })]);
    right.bfd.configure([peer('127.0.0.1', fast, { localAddress: '127.0.0.2' })]);
    await left.status('127.0.0.2', isUp);
    right.bfd.configure([peer('127.0.0.1', undefined)]);
    expect(right.bfd.status('127.0.0.1')).toBeNull();
    const ended = await left.status('127.0.0.2', isDown);
    expect(ended).toMatchObject({ remoteState: 'adminDown', flaps: 1, lastDiag: 'neighbor signaled session down' });
    expect(left.told).toEqual([]);
    expect(left.logs.at(-1)).toBe('BFD ended: the peer has switched it off, BGP goes on');
  });

  it('says so when the port is taken, sends nothing until it has it, and comes up then', async () => {
    const [left, right] = pair();
    const squatter = createSocket('udp4');
    await new Promise<void>((resolve) => squatter.bind(nextPort - 2, resolve));
    const fast = { intervalMs: 50, multiplier: 3 };
    left.bfd.configure([peer('127.0.0.2', fast, { localAddress: '127.0.0.1' })]);
    right.bfd.configure([peer('127.0.0.1', fast, { localAddress: '127.0.0.2' })]);
    const troubled = await left.status('127.0.0.2', ({ trouble }) => trouble !== null);
    expect(troubled).toMatchObject({
      state: 'down',
      trouble: 'cannot receive: address already in use (EADDRINUSE)',
      packets: { sent: 0 },
    });
    // The words are there before the thread's call to look at them has come.
    await vi.waitFor(() =>
      expect(left.bfd.troubles()).toEqual([
        `BFD cannot receive on UDP port ${nextPort - 2} (IPv4): address already in use (EADDRINUSE); BGP goes on without it`,
      ]),
    );
    squatter.close();
    await left.status('127.0.0.2', isUp);
    await vi.waitFor(() => expect(left.bfd.troubles()).toEqual([]));
    expect(left.logs).toContain('BFD can receive now');
  });

  it('keeps what was routed, what strangers send and what is no packet from its sessions, and counts it', async () => {
    const [left] = pair();
    left.bfd.configure([peer('127.0.0.2', { intervalMs: 50, multiplier: 3 }, { localAddress: '127.0.0.1' })]);
    const packet = Buffer.from('204003180000000700000000000f4240000f424000000000', 'hex');
    const [near, far] = await Promise.all([stranger(255), stranger(254)]);
    // Asked until it has opened its port.
    await vi.waitFor(
      () => {
        near(packet);
        near(packet.subarray(0, 20));
        far(packet);
        const { stranger: strangers = 0, kernel = 0, truncated = 0 } = left.bfd.discards();
        expect(Math.min(strangers, kernel, truncated)).toBeGreaterThan(0);
      },
      { timeout: 30_000 },
    );
    expect(left.bfd.status('127.0.0.2')).toMatchObject({ state: 'down', packets: { received: 0 } });
  });

  it('runs no thread where no peer wants it', () => {
    const [left] = pair();
    left.bfd.configure([peer('127.0.0.2', undefined)]);
    expect(left.bfd.status('127.0.0.2')).toBeNull();
    expect(left.bfd.discards()).toEqual({});
  });
});
