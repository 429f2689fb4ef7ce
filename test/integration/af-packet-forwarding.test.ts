// The engine af_packet on real devices: what comes in by one leaves by the other, wrapped, whole and counted.

import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../deploy/lab/until.ts';
import { ipPacket } from '../support/ip-packets.ts';
import { buildNative, native } from '../support/native-build.ts';
import { icmpFrame, tcpFrame } from '../support/packets.ts';
import { echoClient, echoServer, hashServer, uploader } from './support/bed-programs.ts';
import { bed, build, decapsulate, endPrograms, FramePort, linkFront, remove, script, server, sh } from './support/packet-bed.ts';
import type { Totals } from './support/packet-node.ts';
import { PacketNode } from './support/packet-node-handle.ts';

const ethernet = { source: bed.clientMac, destination: bed.frontMac };
const ethernetBytes = 14;
const outerBytes = 20;

function toVip(fields: { port?: number; sequence?: number; vlans?: readonly number[]; payload?: Uint8Array } = {}): Uint8Array {
  const { port = 40000, sequence = 1, vlans = [], payload = new Uint8Array(0) } = fields;
  return tcpFrame({ from: `${bed.client}:${port}`, to: `${bed.vip}:80`, sequence, payload, ethernet: { ...ethernet, vlans } });
}

function isIpip(frame: Uint8Array): boolean {
  return frame[12] === 0x08 && frame[13] === 0x00 && frame[ethernetBytes + 9] === 4;
}

/** rx is the sum of all verdicts, whatever happened. */
function expectAllCounted({ workers, verdicts }: Totals): void {
  const received = workers.reduce((sum, { rxPackets }) => sum + rxPackets, 0);
  expect(Object.values(verdicts).reduce((sum, count) => sum + count, 0)).toBe(received);
}

describe('the engine af_packet', () => {
  let node: PacketNode;

  beforeAll(() => {
    buildNative('build/test/frame_port');
    buildNative('build/test/fanout_ids');
    buildNative('all');
    build();
  });

  afterEach(async () => {
    expectAllCounted(await node.totals());
    await node.stop();
    await endPrograms();
  });

  afterAll(remove);

  it('wraps a packet for a VIP and sends it out of the device of its backend', async () => {
    node = await PacketNode.start();
    await node.load();
    const [client, backend] = await Promise.all([FramePort.open('client', 'eth0'), FramePort.open('backend', 'eth0')]);
    const sent = toVip({ payload: Buffer.from('hello') });
    client.send(sent);
    const frame = await backend.receive(isIpip);
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    expect(hex(frame.subarray(0, 12))).toBe(`${bed.backendMac}${bed.backMac}`.replaceAll(':', ''));
    const outer = frame.subarray(ethernetBytes, ethernetBytes + outerBytes);
    expect([...outer.subarray(12, 20)].join('.')).toBe(`${bed.node}.${bed.backend}`);
    const inner = frame.subarray(ethernetBytes + outerBytes);
    expect(inner[8]).toBe(63);
    expect(hex(inner.subarray(20))).toBe(hex(sent.subarray(ethernetBytes + 20)));
    expect((await node.totals()).verdicts['forward']).toBe(1);
  });

  it('keeps the VLAN tag that the kernel had taken off', async () => {
    node = await PacketNode.start();
    await node.load();
    const [client, backend] = await Promise.all([FramePort.open('client', 'eth0'), FramePort.open('backend', 'eth0')]);
    client.send(toVip({ vlans: [0x6064] }));
    const frame = await backend.receive((each) => each[12] === 0x81);
    expect(Buffer.from(frame.subarray(12, 18)).toString('hex')).toBe('810060640800');
    expect(frame[ethernetBytes + 4 + 9]).toBe(4);
    expect([...frame.subarray(ethernetBytes + 4 + 12, ethernetBytes + 4 + 20)].join('.')).toBe(`${bed.node}.${bed.backend}`);
  });

  it('answers an echo request to a VIP by the device it came from', async () => {
    node = await PacketNode.start();
    await node.load();
    const client = await FramePort.open('client', 'eth0');
    client.send(icmpFrame({ from: bed.client, to: bed.vip, type: 8, rest: Uint8Array.of(0, 7, 0, 1), ethernet }));
    const reply = await client.receive((frame) => frame[ethernetBytes + 9] === 1 && frame[ethernetBytes + 20] === 0);
    expect([...reply.subarray(ethernetBytes + 12, ethernetBytes + 20)].join('.')).toBe(`${bed.vip}.${bed.client}`);
  });

  it('forwards 10,000 packets without losing one', async () => {
    node = await PacketNode.start();
    await node.load();
    const client = await FramePort.open('client', 'eth0');
    const arrived = () => Number(/eth0:\s+\d+\s+(\d+)/.exec(sh('backend', 'cat /proc/net/dev'))?.[1]);
    const before = arrived();
    client.send(...Array.from({ length: 10_000 }, (_, i) => toVip({ port: 1024 + (i % 5000), sequence: i })));
    const totals = await node.until(({ workers }) => workers[0]?.txPackets === 10_000);
    expect(totals.verdicts['forward']).toBe(10_000);
    expect(totals.workers[0]?.rxLost).toBe(0);
    expect(arrived() - before).toBeGreaterThanOrEqual(10_000);
  });

  it('completes checksums and cuts super-frames of uploads with every offload on', async () => {
    node = await PacketNode.start();
    await node.load();
    decapsulate();
    expect(sh('client', 'ethtool -k eth0')).toMatch(/tx-checksumming: on[\s\S]*tcp-segmentation-offload: on/);
    const upload = { vip: bed.vip, port: 80, bytes: 2_000_000 };
    await server('backend', hashServer(upload));
    const [sent, received] = (await script('client', uploader(upload))).split(' ');
    expect(received).toBe(sent);
    expect(sh('backend', 'nstat -az TcpInCsumErrors')).toMatch(/TcpInCsumErrors\s+0 /);
    expect((await node.totals()).verdicts['oversize']).toBe(0);
  });

  it.each([
    ['does not even see', [], 0],
    ['without BPF passes', ['setpriv', '--bounding-set=-bpf,-sys_admin', '--inh-caps=-bpf,-sys_admin'], 1],
  ])("%s what is not for a VIP, which is the kernel's", async (_words, wrap, least) => {
    node = await PacketNode.start({ wrap });
    await node.load();
    await server('balancer', `${echoServer}.listen(22, '${bed.front}', () => console.log('ready'));`);
    expect(await script('client', `${echoClient}('${bed.front}', 22);`)).toBe('hello');
    const client = await FramePort.open('client', 'eth0');
    client.send(toVip());
    const { verdicts } = await node.until((totals) => totals.verdicts['forward'] === 1);
    expect(Math.min(verdicts['pass'] ?? 0, 1)).toBe(least);
  });

  it("reads ICMP errors about its own outer packets, which are the kernel's, too", async () => {
    node = await PacketNode.start();
    await node.load();
    const backend = await FramePort.open('backend', 'eth0');
    const outer = ipPacket({ source: bed.node, destination: bed.backend, protocol: 4 }, new Uint8Array(28));
    const about = (to: string) =>
      icmpFrame({
        from: bed.backend,
        to,
        type: 3,
        code: 1,
        body: outer,
        ethernet: { source: bed.backendMac, destination: bed.backMac },
      });
    const kernelGot = () => Number(/IcmpInDestUnreachs +(\d+)/.exec(sh('balancer', 'nstat -az IcmpInDestUnreachs'))?.[1]);
    const before = kernelGot();
    backend.send(about(bed.front), about(bed.node));
    const { verdicts } = await node.until((totals) => (totals.verdicts['pass'] ?? 0) > 0);
    expect(verdicts['pass']).toBe(1);
    expect(kernelGot() - before).toBe(2);
  });

  it('never takes what is addressed to another host or to all', async () => {
    node = await PacketNode.start();
    await node.load();
    const client = await FramePort.open('client', 'eth0');
    const others = ['02:00:00:00:0b:77', 'ff:ff:ff:ff:ff:ff'].map((destination) =>
      tcpFrame({ from: `${bed.client}:1`, to: `${bed.vip}:80`, ethernet: { ...ethernet, destination } }),
    );
    client.send(...others, toVip());
    const totals = await node.until(({ verdicts }) => (verdicts['forward'] ?? 0) > 0);
    expect(totals.verdicts['forward']).toBe(1);
  });

  it('spreads flows over its workers, and each counts its own', async () => {
    node = await PacketNode.start({ workers: 2 });
    await node.load();
    const client = await FramePort.open('client', 'eth0');
    client.send(...Array.from({ length: 1000 }, (_, i) => toVip({ port: 1024 + i })));
    const { workers } = await node.until((totals) => totals.workers.reduce((sum, { txPackets }) => sum + txPackets, 0) === 1000);
    for (const { txPackets } of workers) expect(txPackets).toBeGreaterThan(200);
  });

  it('gives each packet to one worker where the kernel numbers their group with 0, too, as it does after a boot', async () => {
    sh('balancer', `${native}/build/test/fanout_ids`);
    node = await PacketNode.start({ workers: 2 });
    await node.load();
    const client = await FramePort.open('client', 'eth0');
    for (const round of [1, 2, 3]) {
      client.send(...Array.from({ length: 100 }, (_, i) => toVip({ port: 1024 + i })));
      const { verdicts } = await node.until((totals) => (totals.verdicts['forward'] ?? 0) >= round * 100);
      expect(verdicts['forward']).toBe(round * 100);
    }
  });

  it.skipIf(availableParallelism() < 2)('keeps each worker on the core that it was given', async () => {
    node = await PacketNode.start({ workers: 2, cores: [1, 0] });
    const coresOf = (thread: string): string | undefined => {
      const tasks = `/proc/${node.pid}/task`;
      const tid = readdirSync(tasks).find((each) => readFileSync(`${tasks}/${each}/comm`, 'utf8').trim() === thread) ?? '';
      return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`${tasks}/${tid}/status`, 'utf8'))?.[1];
    };
    // A thread goes to its core by itself, soon after it was started.
    await until(() => coresOf('torii-worker-0') === '1' && coresOf('torii-worker-1') === '0', {
      what: 'each worker to be on its core',
      timeoutMs: 20_000,
    });
  });

  it('says of every queue what carries it', async () => {
    node = await PacketNode.start({ workers: 2 });
    const { queues } = await node.totals();
    expect(queues.map(({ device, worker }) => `${device} ${worker}`)).toEqual(['0 0', '0 1', '1 0', '1 1']);
    for (const { engine, xdp, copy, rings, statistics } of queues) {
      expect([engine, xdp, copy]).toEqual(['af_packet', 'none', 'ring']);
      expect(rings.rx.size).toBeGreaterThan(0);
      expect(statistics.rxDropped).toBe(0);
    }
  });

  it('moves what a send refused from forward to tx_full', async () => {
    node = await PacketNode.start();
    await node.load();
    const client = await FramePort.open('client', 'eth0');
    sh('balancer', 'ip link set back down');
    client.send(...Array.from({ length: 100 }, (_, i) => toVip({ port: 1024 + i })));
    const totals = await node.until(({ verdicts }) => verdicts['tx_full'] === 100);
    expect(totals.verdicts['forward']).toBe(0);
    expect(totals.backendPackets).toBe(0);
    expect(totals.devices['back']).toBe('down');
    sh('balancer', 'ip link set back up');
    await node.until(({ devices }) => devices['back'] === 'up');
    client.send(toVip());
    await node.until(({ verdicts }) => verdicts['forward'] === 1);
  });

  it('survives a device that vanishes, says so, and takes it up again when it returns', async () => {
    node = await PacketNode.start({ workers: 2 });
    await node.load();
    sh('balancer', 'ip link del front');
    await node.until(({ devices }) => devices['front'] === 'gone');
    linkFront();
    await node.until(({ devices }) => devices['front'] === 'up');
    const client = await FramePort.open('client', 'eth0');
    client.send(...Array.from({ length: 100 }, (_, i) => toVip({ port: 1024 + i })));
    await node.until(({ verdicts }) => verdicts['forward'] === 100);
  });
});
