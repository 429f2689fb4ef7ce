// The engine af_xdp on real devices: VIP traffic comes by AF_XDP sockets, leaves wrapped and counted, and nothing else is taken.
//
// veth has native XDP but no zero-copy, so all of this runs in native copy mode; generic mode (af-xdp-start.test.ts) on a VXLAN device.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ipPacket } from '../support/ip-packets.ts';
import { buildNative } from '../support/native-build.ts';
import { ethernetFrame, icmpFrame, tcpFrame, udpFrame } from '../support/packets.ts';
import { echoClient, echoServer, hashServer, uploader } from './support/bed-programs.ts';
import {
  addIpv6,
  bed,
  build,
  decapsulate,
  endPrograms,
  FramePort,
  linkFront,
  remove,
  script,
  server,
  sh,
} from './support/packet-bed.ts';
import type { Totals } from './support/packet-node.ts';
import { bedDesired, PacketNode } from './support/packet-node-handle.ts';

const ethernet = { source: bed.clientMac, destination: bed.frontMac };
const ethernetBytes = 14;
const outerBytes = 20;
const vip6 = '2001:db8:203::10';
const bothVips = bedDesired([`${bed.vip}:80/tcp`, `[${vip6}]:80/tcp`]);

function toVip(fields: { port?: number; vlans?: readonly number[]; payload?: Uint8Array } = {}): Uint8Array {
  const { port = 40000, vlans = [], payload = new Uint8Array(0) } = fields;
  return tcpFrame({ from: `${bed.client}:${port}`, to: `${bed.vip}:80`, payload, ethernet: { ...ethernet, vlans } });
}

function manyToVip(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => toVip({ port: 1024 + i }));
}

/** Frames behind the outer header, of IPv4 (4) or IPv6 (41). */
function isTunnel(frame: Uint8Array, protocol = 4): boolean {
  return frame[12] === 0x08 && frame[13] === 0x00 && frame[ethernetBytes + 9] === protocol;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function expectAllCounted({ workers, verdicts }: Totals): void {
  const received = workers.reduce((sum, { rxPackets }) => sum + rxPackets, 0);
  expect(Object.values(verdicts).reduce((sum, count) => sum + count, 0)).toBe(received);
}

async function ports(): Promise<readonly [client: FramePort, backend: FramePort]> {
  return Promise.all([FramePort.open('client', 'eth0'), FramePort.open('backend', 'eth0')]);
}

describe('the engine af_xdp', () => {
  let node: PacketNode;

  async function startNode(options: Parameters<typeof PacketNode.start>[0] = {}): Promise<PacketNode> {
    node = await PacketNode.start({ engine: 'af_xdp', ...options });
    await node.load(bothVips);
    return node;
  }

  beforeAll(() => {
    buildNative('build/test/frame_port');
    buildNative('all');
    build();
    addIpv6();
    // Its kernel would complain of a tunnel that it does not have.
    sh('backend', `ip route add blackhole ${bed.node}/32`);
  });

  afterEach(async () => {
    expectAllCounted(await node.totals());
    await node.stop();
    await endPrograms();
  });

  afterAll(remove);

  it('wraps an IPv4 packet for a VIP and sends it out of the device of its backend', async () => {
    await startNode();
    const [client, backend] = await ports();
    const sent = toVip({ payload: Buffer.from('hello') });
    client.send(sent);
    const frame = await backend.receive((each) => isTunnel(each));
    expect(hex(frame.subarray(0, 12))).toBe(`${bed.backendMac}${bed.backMac}`.replaceAll(':', ''));
    const outer = frame.subarray(ethernetBytes, ethernetBytes + outerBytes);
    expect([...outer.subarray(12, 20)].join('.')).toBe(`${bed.node}.${bed.backend}`);
    const inner = frame.subarray(ethernetBytes + outerBytes);
    expect(inner[8]).toBe(63);
    expect(hex(inner.subarray(20))).toBe(hex(sent.subarray(ethernetBytes + 20)));
  });

  it('wraps an IPv6 packet, and one for any address of a prefix', async () => {
    node = await PacketNode.start({ engine: 'af_xdp' });
    await node.load(bedDesired([`[${vip6}]:80/tcp`, '198.51.100.0/24:80/tcp']));
    const [client, backend] = await ports();
    const sent = tcpFrame({ from: '[fd91::2]:40000', to: `[${vip6}]:80`, ethernet });
    client.send(sent);
    const frame = await backend.receive((each) => isTunnel(each, 41));
    const inner = frame.subarray(ethernetBytes + outerBytes);
    expect(inner[7]).toBe(63);
    expect(hex(inner.subarray(40))).toBe(hex(sent.subarray(ethernetBytes + 40)));
    client.send(tcpFrame({ from: `${bed.client}:1`, to: '198.51.100.77:80', ethernet }));
    const other = await backend.receive((each) => isTunnel(each));
    expect([...other.subarray(ethernetBytes + outerBytes + 16, ethernetBytes + outerBytes + 20)].join('.')).toBe('198.51.100.77');
  });

  it('keeps one VLAN tag, and leaves packets with two to the kernel', async () => {
    await startNode();
    const [client, backend] = await ports();
    client.send(toVip({ vlans: [0x6064, 7] }), toVip({ vlans: [0x6064] }));
    const frame = await backend.receive((each) => each[12] === 0x81);
    expect(hex(frame.subarray(12, 18))).toBe('810060640800');
    expect(frame[ethernetBytes + 4 + 9]).toBe(4);
    expect((await node.totals()).workers[0]?.rxPackets).toBe(1);
  });

  it('answers an echo request to a VIP by the device it came from', async () => {
    await startNode();
    const [client] = await ports();
    client.send(icmpFrame({ from: bed.client, to: bed.vip, type: 8, rest: Uint8Array.of(0, 7, 0, 1), ethernet }));
    const reply = await client.receive((frame) => frame[ethernetBytes + 9] === 1 && frame[ethernetBytes + 20] === 0);
    expect([...reply.subarray(ethernetBytes + 12, ethernetBytes + 20)].join('.')).toBe(`${bed.vip}.${bed.client}`);
  });

  it('takes fragments to a VIP, and steers the later one to where the first went', async () => {
    await startNode();
    const [client, backend] = await ports();
    const whole = tcpFrame({ from: `${bed.client}:40000`, to: `${bed.vip}:80`, payload: new Uint8Array(60), ethernet }).subarray(
      34,
    );
    const fragment = (from: number, to: number) =>
      ethernetFrame(
        ipPacket(
          { source: bed.client, destination: bed.vip, protocol: 6, moreFragments: to < whole.length, fragmentOffset: from / 8 },
          whole.subarray(from, to),
        ),
        ethernet,
      );
    client.send(fragment(0, 40), fragment(40, whole.length));
    await backend.receive((each) => isTunnel(each));
    await backend.receive((each) => isTunnel(each));
    expect((await node.totals()).verdicts['forward']).toBe(2);
  });

  it('forwards 10,000 packets without losing one', async () => {
    await startNode();
    const [client] = await ports();
    const arrived = () => Number(/eth0:\s+\d+\s+(\d+)/.exec(sh('backend', 'cat /proc/net/dev'))?.[1]);
    const before = arrived();
    client.send(...Array.from({ length: 10_000 }, (_, i) => toVip({ port: 1024 + (i % 5000) })));
    const totals = await node.until(({ workers }) => workers[0]?.txPackets === 10_000);
    expect(totals.verdicts['forward']).toBe(10_000);
    expect(totals.workers[0]?.rxLost).toBe(0);
    expect(arrived() - before).toBeGreaterThanOrEqual(10_000);
    for (const { statistics } of totals.queues)
      expect(statistics).toMatchObject({ rxDropped: 0, rxInvalid: 0, txInvalid: 0, rxRingFull: 0 });
  });

  it('completes the checksums of uploads that a veth hands over open, and has their sender cut super-frames', async () => {
    await startNode();
    decapsulate();
    const features = sh('client', 'ethtool -k eth0');
    expect(features).toMatch(/tx-checksumming: on/);
    expect(features).toMatch(/tcp-segmentation-offload: off/);
    const upload = { vip: bed.vip, port: 80, bytes: 2_000_000 };
    await server('backend', hashServer(upload));
    const [sent, received] = (await script('client', uploader(upload))).split(' ');
    expect(received).toBe(sent);
    expect(sh('backend', 'nstat -az TcpInCsumErrors')).toMatch(/TcpInCsumErrors\s+0 /);
  });

  it('leaves a wrong checksum as it is', async () => {
    await startNode();
    const [client, backend] = await ports();
    const wrong = udpFrame({ from: `${bed.client}:1`, to: `${bed.vip}:80`, ethernet });
    const damaged = tcpFrame({ from: `${bed.client}:1`, to: `${bed.vip}:80`, payload: Buffer.from('damaged'), ethernet });
    damaged[damaged.length - 1] = (damaged[damaged.length - 1] ?? 0) ^ 0xff;
    client.send(wrong, damaged);
    const frame = await backend.receive((each) => isTunnel(each));
    expect(hex(frame.subarray(ethernetBytes + outerBytes + 20))).toBe(hex(damaged.subarray(ethernetBytes + 20)));
  });

  it("takes nothing but VIP traffic while a flood runs: sessions, pings, ARP and neighbour discovery are the kernel's", async () => {
    await startNode();
    const [client] = await ports();
    await server('balancer', `${echoServer}.listen(22, '::', () => console.log('ready'));`);
    await server('balancer', `${echoServer}.listen(179, '::', () => console.log('ready'));`);
    const flood = setInterval(() => client.send(...manyToVip(200)), 10);
    try {
      await node.until(({ verdicts }) => (verdicts['forward'] ?? 0) > 0);
      sh('client', 'ip neigh flush dev eth0; ip -6 neigh flush dev eth0');
      for (const port of [22, 179])
        for (const address of [bed.front, bed.front6])
          expect(await script('client', `${echoClient}('${address}', ${port});`)).toBe('hello');
      for (const [from, to] of [
        [bed.client, bed.front],
        [bed.client6, bed.front6],
      ] as const) {
        client.send(icmpFrame({ from, to, type: to.includes(':') ? 128 : 8, rest: Uint8Array.of(0, 7, 0, 1), ethernet }));
        await client.receive((frame) => (to.includes(':') ? frame[54] === 129 : frame[23] === 1 && frame[34] === 0));
      }
    } finally {
      clearInterval(flood);
    }
    const { verdicts } = await node.totals();
    expect(verdicts['pass']).toBe(0);
    expect(verdicts['forward']).toBeGreaterThan(200);
  });

  it('never takes what is addressed to another host or to all', async () => {
    await startNode();
    const [client] = await ports();
    const others = ['02:00:00:00:0b:77', 'ff:ff:ff:ff:ff:ff'].map((destination) =>
      tcpFrame({ from: `${bed.client}:1`, to: `${bed.vip}:80`, ethernet: { ...ethernet, destination } }),
    );
    client.send(...others, toVip());
    const totals = await node.until(({ verdicts }) => (verdicts['forward'] ?? 0) > 0);
    expect(totals.workers[0]?.rxPackets).toBe(1);
  });

  it('leaves neighbour discovery for a VIP to the kernel, behind extension headers, too', async () => {
    await startNode();
    const [client] = await ports();
    const solicitation = { from: 'fd91::2', to: vip6, type: 135, body: new Uint8Array(16), ethernet };
    const padded = { chain: [{ header: 60, bytes: Uint8Array.of(58, 0, 1, 4, 0, 0, 0, 0) }] };
    client.send(icmpFrame(solicitation), icmpFrame({ ...solicitation, ip: padded }), toVip());
    const totals = await node.until(({ verdicts }) => (verdicts['forward'] ?? 0) > 0);
    expect(totals.workers[0]?.rxPackets).toBe(1);
  });

  it('reads an ICMP error about an outer packet, and the kernel gets it all the same', async () => {
    await startNode();
    const backend = await FramePort.open('backend', 'eth0');
    const quoted = ipPacket({ source: bed.node, destination: bed.backend, protocol: 4 }, new Uint8Array(28));
    const kernelHas = () => Number(/IcmpInDestUnreachs\s+(\d+)/.exec(sh('balancer', 'nstat -az IcmpInDestUnreachs'))?.[1]);
    const before = kernelHas();
    backend.send(
      icmpFrame({
        from: bed.backend,
        to: bed.node,
        type: 3,
        code: 4,
        rest: Uint8Array.of(0, 0, 1400 >> 8, 1400 & 0xff),
        body: quoted,
        ethernet: { source: bed.backendMac, destination: bed.backMac },
      }),
    );
    const { verdicts } = await node.until((totals) => (totals.verdicts['pass'] ?? 0) > 0);
    expect(verdicts['pass']).toBe(1);
    expect(kernelHas()).toBe(before + 1);
    const client = await FramePort.open('client', 'eth0');
    client.send(
      tcpFrame({
        from: `${bed.client}:1`,
        to: `${bed.vip}:80`,
        payload: new Uint8Array(1400),
        ip: { dontFragment: true },
        ethernet,
      }),
    );
    const error = await client.receive((frame) => frame[ethernetBytes + 9] === 1 && frame[ethernetBytes + 20] === 3);
    expect(Buffer.from(error).readUInt16BE(ethernetBytes + 26)).toBe(1400 - outerBytes);
  });

  it('follows the VIPs of each load: takes new ones, leaves those that went to the kernel', async () => {
    await startNode();
    const [client] = await ports();
    const other = tcpFrame({ from: `${bed.client}:1`, to: '203.0.113.99:80', ethernet });
    await node.load(bedDesired(['203.0.113.99:80/tcp']));
    client.send(...manyToVip(50), other);
    const totals = await node.until(({ verdicts }) => verdicts['forward'] === 1);
    expect(totals.workers[0]?.rxPackets).toBe(1);
  });

  it('gives the kernel what is still taken but no VIP any more', async () => {
    node = await PacketNode.start({ engine: 'af_xdp' });
    await node.load(bedDesired([`${bed.front}:80/tcp`]));
    await server('balancer', `${echoServer}.listen(22, '${bed.front}', () => console.log('ready'));`);
    await node.load(bedDesired(), { isUnsettled: true });
    expect(await script('client', `${echoClient}('${bed.front}', 22);`)).toBe('hello');
    const { verdicts } = await node.totals();
    expect(verdicts['pass']).toBeGreaterThan(3);
  });

  it('gives thousands of VIPs back, too, though in parts', async () => {
    node = await PacketNode.start({ engine: 'af_xdp' });
    const gone = Array.from({ length: 3000 }, (_, i) => `198.18.${i >> 8}.${i & 255}`);
    await node.load(bedDesired([`${bed.vip}:80/tcp`, ...gone.map((address) => `${address}:80/tcp`)]));
    await node.load(bedDesired());
    for (let look = 0; look < 4; look++) await node.totals();
    const [client] = await ports();
    client.send(...gone.map((address) => tcpFrame({ from: `${bed.client}:1`, to: `${address}:80`, ethernet })), toVip());
    const totals = await node.until(({ verdicts }) => verdicts['forward'] === 1);
    expect(totals.workers[0]?.rxPackets).toBe(1);
  });

  it('moves what a send refused from forward to tx_full', async () => {
    await startNode();
    const [client] = await ports();
    sh('balancer', 'ip link set back down');
    client.send(...manyToVip(100));
    const totals = await node.until(({ verdicts, devices }) => verdicts['tx_full'] === 100 && devices['back'] === 'down');
    expect(totals.verdicts['forward']).toBe(0);
    sh('balancer', 'ip link set back up');
    await node.until(({ devices }) => devices['back'] === 'up');
    client.send(toVip());
    await node.until(({ verdicts }) => verdicts['forward'] === 1);
  });

  it('survives a device that vanishes, says so, and takes it up again when it returns', async () => {
    await startNode({ workers: 2 });
    sh('balancer', 'ip link del front');
    await node.until(({ devices }) => devices['front'] === 'gone');
    linkFront();
    await node.until(({ devices }) => devices['front'] === 'up');
    const client = await FramePort.open('client', 'eth0');
    client.send(...manyToVip(100));
    await node.until(({ verdicts }) => verdicts['forward'] === 100);
  });

  it('says of every queue its mode, and why it has none that is better', async () => {
    await startNode({ workers: 2 });
    const { queues } = await node.totals();
    expect(queues.map(({ device, worker, queue }) => `${device} ${worker} ${queue}`)).toEqual(['0 0 0', '1 0 0']);
    for (const { engine, xdp, copy, reason, rings } of queues) {
      expect([engine, xdp, copy]).toEqual(['af_xdp', 'native', 'copy']);
      expect(reason).toMatch(/^no zero-copy: the driver veth has none for this queue/);
      expect(rings.fill.used).toBeGreaterThan(0);
      expect(rings.fill.used).toBeLessThanOrEqual(rings.fill.size);
    }
  });

  it('polls busily where it is asked to', async () => {
    await startNode({ engine: 'af_xdp+busy' });
    expect((await node.totals()).queues.every(({ busyPolling }) => busyPolling)).toBe(true);
    const [client] = await ports();
    client.send(...manyToVip(100));
    await node.until(({ verdicts }) => verdicts['forward'] === 100);
  });
});
