// Every offload left on, as on any virtual machine: senders leave checksums open and hand over packets of 64 KB. Nothing of that may
// leave a balancer. What leaves is captured behind it and judged packet by packet, and the backend's kernel is asked for its view.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildNative, native } from '../support/native-build.ts';
import { readPcap } from '../support/pcap.ts';
import { faultOf } from '../support/whole-packets.ts';
import { hashServer, uploader } from './support/bed-programs.ts';
import { liveEngines } from './support/live-engines.ts';
import { addIpv6, bed, build, decapsulate, endPrograms, remove, script, server, sh, start } from './support/packet-bed.ts';
import { bedDesired, PacketNode } from './support/packet-node-handle.ts';

const uploadBytes = 6_000_000;
const datagrams = 2000;
const datagramBytes = 1200;
const mtu = 1500;

/** Family of the VIP, and of the tunnel. */
const ways = [
  { name: 'IPv4 in IPv4', vip: bed.vip, pool: 'web', port: 80 },
  { name: 'IPv6 in IPv6', vip: bed.vip6, pool: 'web6', port: 80 },
  { name: 'IPv4 in IPv6', vip: bed.vip, pool: 'web6', port: 81 },
  { name: 'IPv6 in IPv4', vip: bed.vip6, pool: 'web', port: 81 },
] as const;

const nameOf = (vip: string, port: number, protocol: string) => `${vip.includes(':') ? `[${vip}]` : vip}:${port}/${protocol}`;

describe.each(liveEngines)('with every offload on, the engine %s', (engine) => {
  let node: PacketNode;
  let directory: string;

  beforeAll(() => {
    for (const target of ['build/test/udp_burst', 'all']) buildNative(target);
    build();
    addIpv6();
    sh('balancer', 'ethtool -K front gro on; ethtool -K back gro on');
    directory = mkdtempSync(join(tmpdir(), 'torii-offloads-'));
  });

  beforeEach(async () => {
    node = await PacketNode.start({ engine, workers: 2 });
    await node.load(
      bedDesired(
        ways.flatMap(({ vip, pool, port }) => ['tcp', 'udp'].map((protocol) => ({ vip: nameOf(vip, port, protocol), pool }))),
      ),
    );
    decapsulate();
  });

  afterEach(async () => {
    await node.stop();
    await endPrograms();
  });

  afterAll(async () => {
    await remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it.each(ways)('sends an upload of $name in whole packets only', async ({ vip, port }) => {
    // Native XDP on a veth has its peer segment by itself; checksums stay open all the same.
    const segmentation = engine === 'af_xdp' ? 'off' : 'on';
    expect(sh('client', 'ethtool -k eth0')).toMatch(
      new RegExp(`tx-checksumming: on[\\s\\S]*tcp-segmentation-offload: ${segmentation}`),
    );
    await server('backend', hashServer({ vip, port, bytes: uploadBytes }));
    const capture = await startCapture(join(directory, 'tcp.pcap'));
    const before = receivedByFront();
    const [sent, received] = (await script('client', uploader({ vip, port, bytes: uploadBytes }))).split(' ');
    expect(received).toBe(sent);
    expectSuperFrames(engine, before);
    const frames = await capture.frames();
    expect(frames.length).toBeGreaterThan(uploadBytes / mtu);
    expect(faultsOf(frames)).toEqual([]);
    expect(sh('backend', 'nstat -az TcpInCsumErrors')).toMatch(/TcpInCsumErrors\s+0 /);
    expect((await node.totals()).verdicts).toMatchObject({ oversize: 0, malformed: 0 });
  });

  it.each(ways)('sends datagrams of $name, handed over forty at a time, one by one', async ({ vip, port }) => {
    const receiver = await server('backend', datagramServer(vip, port));
    if (receiver.stdout === null) throw new Error('no standard output');
    const arrived = once(createInterface(receiver.stdout), 'line');
    const capture = await startCapture(join(directory, 'udp.pcap'));
    const before = receivedByFront();
    const burst = start('client', [
      `${native}/build/test/udp_burst`,
      vip,
      String(port),
      String(datagrams),
      String(datagramBytes),
    ]);
    expect(await once(burst, 'exit')).toEqual([0, null]);
    expectSuperFrames(engine, before);
    expect(await arrived).toEqual([`${datagrams} 0`]);
    expect(faultsOf(await capture.frames())).toEqual([]);
    expect(sh('backend', 'nstat -az UdpInCsumErrors Udp6InCsumErrors')).toMatch(
      /UdpInCsumErrors\s+0 [\s\S]*Udp6InCsumErrors\s+0 /,
    );
  });

  it('has its uploads arrive whole at a backend that merges what comes, too', async () => {
    sh('backend', 'ethtool -K eth0 gro on');
    for (const { vip, port } of ways) {
      const program = await server('backend', hashServer({ vip, port, bytes: uploadBytes }));
      const [sent, received] = (await script('client', uploader({ vip, port, bytes: uploadBytes }))).split(' ');
      expect(received).toBe(sent);
      program.kill();
    }
    sh('backend', 'ethtool -K eth0 gro off');
    expect(sh('backend', 'nstat -az TcpInCsumErrors')).toMatch(/TcpInCsumErrors\s+0 /);
  });
});

function receivedByFront(): { readonly bytes: number; readonly packets: number } {
  const [, bytes, packets] = /front:\s+(\d+)\s+(\d+)/.exec(sh('balancer', 'cat /proc/net/dev')) ?? [];
  return { bytes: Number(bytes), packets: Number(packets) };
}

/** Or there was nothing to prove. XDP in the driver of a veth has its peer cut them itself. */
function expectSuperFrames(engine: string, before: ReturnType<typeof receivedByFront>): void {
  if (engine !== 'af_packet') return;
  const now = receivedByFront();
  expect((now.bytes - before.bytes) / (now.packets - before.packets)).toBeGreaterThan(2 * mtu);
}

/** What is wrong, each fault once with how often. */
function faultsOf(frames: readonly Uint8Array[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const frame of frames) {
    const fault = faultOf(frame, mtu);
    if (fault !== null) counts.set(fault, (counts.get(fault) ?? 0) + 1);
  }
  return [...counts].map(([fault, count]) => `${fault} (${count} of ${frames.length})`);
}

/** All that comes in at the backend, as it comes. */
async function startCapture(file: string): Promise<{ frames(): Promise<readonly Uint8Array[]> }> {
  const capture = `tcpdump -i eth0 -Q in -w ${file} -U -s 0 -B 32768 --time-stamp-precision=nano`;
  const child = start('backend', ['sh', '-c', `exec ${capture} 2>&1`]);
  if (child.stdout === null) throw new Error('no standard output');
  const lines = createInterface(child.stdout);
  const said: string[] = [];
  lines.on('line', (line) => said.push(line));
  await once(lines, 'line');
  return {
    frames: async () => {
      const exited = once(child, 'close');
      child.kill('SIGINT');
      await exited;
      expect(said.join('\n')).toContain('\n0 packets dropped by kernel');
      return readPcap(readFileSync(file)).map(({ bytes }) => bytes);
    },
  };
}

/** Says how many came, and how many of them had other contents than udp_burst sent. */
const datagramServer = (vip: string, port: number) => `
import { createSocket } from 'node:dgram';
const socket = createSocket({ type: '${vip.includes(':') ? 'udp6' : 'udp4'}', recvBufferSize: 8000000 });
let count = 0, wrong = 0;
socket.on('message', (bytes) => {
  const first = bytes[0] ?? 0;
  if (bytes.length !== ${datagramBytes} || bytes.some((byte, i) => byte !== ((first + i) & 255))) wrong++;
  if (++count === ${datagrams}) console.log(count + ' ' + wrong);
});
socket.bind(${port}, '${vip}', () => console.log('ready'));`;
