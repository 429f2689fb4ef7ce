// Only VIP traffic is taken: while VIPs are flooded, everything else on the same device goes between client and host as if no balancer
// were there. Nothing of it is lost, and the engine forwards the flood and not a packet more.

import type { ChildProcess } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildNative, native } from '../support/native-build.ts';
import { icmpFrame } from '../support/packets.ts';
import { liveEngines } from './support/live-engines.ts';
import { addIpv6, bed, build, endPrograms, FramePort, remove, script, server, sh, start } from './support/packet-bed.ts';
import { bedDesired, PacketNode } from './support/packet-node-handle.ts';

const floodPerSec = 40_000;
const pings = 200;
const streamBytes = 4_000_000;
const datagrams = 200;

describe.each(liveEngines)('while VIPs are flooded, the engine %s', (engine) => {
  let node: PacketNode;
  let flood: ChildProcess;

  beforeAll(() => {
    buildNative('all');
    build();
    addIpv6();
  });

  beforeEach(async () => {
    node = await PacketNode.start({ engine });
    await node.load(bedDesired([`${bed.vip}:80/tcp`, { vip: `[${bed.vip6}]:80/tcp`, pool: 'web6' }]));
    flood = start('client', [
      `${native}/build/synflood`,
      bed.vip,
      '80',
      '198.18.0.0',
      '15',
      String(floodPerSec),
      String(floodPerSec * 60),
    ]);
    await node.until(({ verdicts }) => (verdicts['forward'] ?? 0) > floodPerSec / 10);
  });

  afterEach(async () => {
    const { verdicts } = await node.totals();
    await node.stop();
    await endPrograms();
    const { forward = 0, pass = 0, ...others } = verdicts;
    expect(forward).toBeGreaterThan(0);
    expect(pass).toBeGreaterThanOrEqual(0);
    // The flood can be more than the bed's kernel takes, and than the worker can; nothing else became of any packet.
    const { tx_full: _, overload: __, ...rest } = others;
    expect(Object.entries(rest).filter(([, count]) => count > 0)).toEqual([]);
  });

  afterAll(remove);

  /** Runs `work`, during all of which the flood must have gone on. */
  async function amidFlood<T>(work: () => Promise<T>): Promise<T> {
    const before = (await node.totals()).verdicts['forward'] ?? 0;
    const result = await work();
    expect(flood.exitCode).toBeNull();
    await node.until(({ verdicts }) => (verdicts['forward'] ?? 0) > before);
    return result;
  }

  it.each([
    ['ssh', bed.front, 22],
    ['BGP', bed.front, 179],
    ['BGP over IPv6', bed.front6, 179],
    ['any other service', bed.front, 8080],
  ])('lets %s through whole', async (_name, address, port) => {
    await server('balancer', echoServer(address, port));
    const said = await amidFlood(() => script('client', echoClient(address, port)));
    expect(said).toBe('whole');
  });

  it.each([bed.front, bed.front6])(
    'lets datagrams to %s through, and ARP or neighbour discovery before them',
    async (address) => {
      await server('balancer', datagramServer(address));
      sh('client', 'ip neigh flush dev eth0');
      sh('balancer', 'ip neigh flush dev front');
      expect(await amidFlood(() => script('client', datagramClient(address)))).toBe(String(datagrams));
    },
  );

  it.each([
    [bed.client, bed.front],
    [bed.client6, bed.front6],
  ])('lets the host answer every ping from %s to %s', async (from, to) => {
    const client = await FramePort.open('client', 'eth0');
    const type = from.includes(':') ? 128 : 8;
    const ethernet = { source: bed.clientMac, destination: bed.frontMac };
    await amidFlood(async () => {
      for (let sequence = 0; sequence < pings; sequence++) {
        const rest = Uint8Array.of(0, 77, sequence >> 8, sequence & 255);
        client.send(icmpFrame({ from, to, type, rest, ethernet }));
        await client.receive((frame) => isReply(frame, sequence));
      }
    });
  });
});

/** An answer of either family: identifier 77 and this number. */
function isReply(frame: Uint8Array, sequence: number): boolean {
  const isV4 = frame[12] === 0x08 && frame[23] === 1;
  const at = isV4 ? 34 : 54;
  if (frame[at] !== (isV4 ? 0 : 129)) return false;
  return Buffer.from(frame.subarray(at + 4, at + 8)).equals(Buffer.from([0, 77, sequence >> 8, sequence & 255]));
}

const echoServer = (address: string, port: number) => `
import { createServer } from 'node:net';
createServer((socket) => socket.pipe(socket)).listen(${port}, '${address}', () => console.log('ready'));`;

const echoClient = (address: string, port: number) => `
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
const sent = randomBytes(${streamBytes}), received = [];
const socket = connect(${port}, '${address}', () => socket.end(sent));
socket.on('data', (chunk) => received.push(chunk));
socket.on('end', () => console.log(Buffer.concat(received).equals(sent) ? 'whole' : 'broken'));`;

const datagramServer = (address: string) => `
import { createSocket } from 'node:dgram';
const socket = createSocket('${address.includes(':') ? 'udp6' : 'udp4'}');
socket.on('message', (bytes, { port, address }) => socket.send(bytes, port, address));
socket.bind(53, '${address}', () => console.log('ready'));`;

/** One after the other, so that no queue of ours loses any. */
const datagramClient = (address: string) => `
import { createSocket } from 'node:dgram';
const socket = createSocket('${address.includes(':') ? 'udp6' : 'udp4'}');
let count = 0;
const ask = () => socket.send(String(count), 53, '${address}');
setTimeout(() => { console.log(count); process.exit(); }, 20000).unref();
socket.on('message', (bytes) => {
  if (String(bytes) === String(count)) count++;
  if (count < ${datagrams}) return ask();
  console.log(count);
  socket.close();
});
ask();`;
