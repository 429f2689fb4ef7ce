// The engine af_xdp where it starts, where it cannot, and what it leaves behind: one sentence says what to do.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildNative, native } from '../support/native-build.ts';
import { tcpFrame } from '../support/packets.ts';
import { bed, build, FramePort, linkFront, remove, sh } from './support/packet-bed.ts';
import { bedDesired, PacketNode } from './support/packet-node-handle.ts';

const engine = 'af_xdp';
const withCapabilities = (...names: readonly string[]): readonly string[] => {
  const list = names.map((name) => `+${name}`).join(',');
  return ['setpriv', `--bounding-set=-all,${list}`, `--inh-caps=-all,${list}`];
};

const hasProgram = (device: string) => sh('balancer', `ip -d link show ${device}`).includes('prog/xdp');

function toVip(port: number): Uint8Array {
  const ethernet = { source: bed.clientMac, destination: bed.frontMac };
  return tcpFrame({ from: `${bed.client}:${port}`, to: `${bed.vip}:80`, ethernet });
}

async function sendToVip(count: number): Promise<FramePort> {
  const client = await FramePort.open('client', 'eth0');
  client.send(...Array.from({ length: count }, (_, i) => toVip(1024 + i)));
  return client;
}

/** A link of several queues, from the client on: its kernel spreads flows over them. */
function linkFrontWith(queues: number): void {
  sh('balancer', 'ip link del front');
  linkFront();
  if (queues > 1) setQueues(queues);
}

function setQueues(queues: number): void {
  sh('balancer', `ethtool -L front rx ${queues} tx ${queues}`);
  sh('client', `ethtool -L eth0 rx ${queues} tx ${queues}`);
}

describe('the engine auto', () => {
  beforeAll(() => {
    buildNative('all');
    build();
  });

  afterAll(remove);

  it('is af_xdp where that runs in the driver', async () => {
    const node = await PacketNode.start({ engine: 'auto' });
    expect((await node.totals()).queues.map((queue) => queue.engine)).toEqual(['af_xdp', 'af_xdp']);
    await node.stop();
  });

  it('is af_packet where af_xdp lacks a capability, and says so', async () => {
    const node = await PacketNode.start({ engine: 'auto', wrap: withCapabilities('net_raw', 'net_admin') });
    for (const queue of (await node.totals()).queues) {
      expect(queue.engine).toBe('af_packet');
      expect(queue.reason).toMatch(/^no af_xdp: (front|back): making BPF maps needs CAP_BPF/);
    }
    await node.stop();
  });

  it('is af_packet, device by device, where XDP would be generic only', async () => {
    sh('balancer', 'ip link add link front name above type macvlan mode bridge; ip link set above up');
    const node = await PacketNode.start({ engine: 'auto', devices: ['above', 'back'] });
    const { queues } = await node.totals();
    expect(queues.map((queue) => queue.engine)).toEqual(['af_packet', 'af_xdp']);
    expect(queues[0]?.reason).toMatch(/^no af_xdp: above: the driver macvlan refuses native XDP: Operation not supported/);
    await node.stop();
    sh('balancer', 'ip link del above');
  });
});

describe('starting the engine af_xdp', () => {
  beforeAll(() => {
    buildNative('build/test/frame_port');
    buildNative('build/test/scatter.o');
    buildNative('all');
    build();
  });

  afterAll(remove);

  it('does with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF, and CAP_IPC_LOCK in place of a limit of locked memory', async () => {
    const node = await PacketNode.start({ engine, wrap: withCapabilities('net_raw', 'net_admin', 'bpf', 'ipc_lock') });
    expect((await node.totals()).queues.map((queue) => queue.engine)).toEqual([engine, engine]);
    await node.stop();
  });

  it('names the capabilities that are missing and how to give them', async () => {
    await expect(PacketNode.start({ engine, wrap: withCapabilities('net_raw', 'net_admin') })).rejects.toThrow(
      /^no_privilege: front: making BPF maps needs CAP_BPF and CAP_NET_ADMIN beside CAP_NET_RAW: run as root, or add them to Ambient/,
    );
  });

  it('names a device that does not exist, and those that do', async () => {
    await expect(PacketNode.start({ engine, devices: ['front', 'eth7'] })).rejects.toThrow(
      'device_unknown: eth7: no such network device; this host has lo, front, back',
    );
    expect(hasProgram('front')).toBe(false);
  });

  it('refuses a device that is no Ethernet', async () => {
    await expect(PacketNode.start({ engine, devices: ['lo'] })).rejects.toThrow(
      'device_unusable: lo: expected an Ethernet device',
    );
  });

  it('refuses an MTU of more than a page, and says so when one is set later', async () => {
    sh('balancer', 'ip link set front mtu 9000');
    await expect(PacketNode.start({ engine })).rejects.toThrow(
      /^device_unusable: front: af_xdp takes packets of up to 3822 bytes, .* and the MTU is 9000: run `ip link set front mtu 3822`/,
    );
    sh('balancer', 'ip link set front mtu 1500');
    const node = await PacketNode.start({ engine });
    await node.until(({ devices }) => devices['front'] === 'up');
    sh('balancer', 'ip link set front mtu 9000');
    await node.until(({ devices }) => devices['front'] === 'mtu');
    sh('balancer', 'ip link set front mtu 3000');
    await node.until(({ devices, queues }) => devices['front'] === 'up' && queues.length === 2);
    sh('balancer', 'ip link set front mtu 1500');
    await node.stop();
  });

  it('says why a device that returned is not taken up, and takes it up once it can', async () => {
    const node = await PacketNode.start({ engine });
    sh('balancer', 'ip link del front');
    await node.until(({ devices, reasons }) => devices['front'] === 'gone' && reasons.length === 0);
    sh('balancer', 'ip link add front mtu 9000 type veth peer name other');
    const { reasons } = await node.until((totals) => totals.reasons.length > 0);
    expect(reasons[0]).toMatch(/^front: af_xdp takes packets of up to 3822 bytes/);
    sh('balancer', 'ip link set front mtu 1500 up; ip link set other up');
    await node.until(({ devices }) => devices['front'] === 'up');
    await node.stop();
    sh('balancer', 'ip link del front');
    linkFront();
  });

  it('refuses a device whose peer sends more than a page, and names the limit of veth', async () => {
    sh('client', 'ip link set eth0 mtu 9000');
    await expect(PacketNode.start({ engine })).rejects.toThrow(
      /^device_unusable: front: the driver veth has no XDP at this MTU \(1500\), or, of a veth, at its peer's: run `ip link set front mtu /,
    );
    sh('client', 'ip link set eth0 mtu 1500');
  });

  it('refuses a device that has another XDP program, which stays', async () => {
    sh('balancer', `ip link set front xdpdrv obj ${native}/build/test/scatter.o sec xdp`);
    await expect(PacketNode.start({ engine })).rejects.toThrow(
      /^device_unusable: front: another XDP program is attached: see `ip -d link show front`, then `ip link set front xdp off`/,
    );
    expect(hasProgram('front')).toBe(true);
    sh('balancer', 'ip link set front xdpdrv off');
  });

  it('does not mind that the kernel forwards, since it does not see what is forwarded here', async () => {
    sh('balancer', 'sysctl -qw net.ipv4.ip_forward=1');
    const node = await PacketNode.start({ engine });
    await node.until(({ devices }) => devices['front'] === 'up');
    await node.stop();
    sh('balancer', 'sysctl -qw net.ipv4.ip_forward=0');
  });

  it('takes its program off when it stops, and puts settings back', async () => {
    sh('balancer', 'ethtool -K front gro on');
    const node = await PacketNode.start({ engine });
    expect(hasProgram('front')).toBe(true);
    expect(sh('balancer', 'ethtool -k front')).toMatch(/generic-receive-offload: off/);
    await node.stop();
    expect(hasProgram('front')).toBe(false);
    expect(sh('balancer', 'ethtool -k front')).toMatch(/generic-receive-offload: on/);
    sh('balancer', 'ethtool -K front gro off');
  });

  it('names the limit of locked memory that is too low', async () => {
    const wrap = ['prlimit', '--memlock=65536', 'setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock'];
    await expect(PacketNode.start({ engine, wrap })).rejects.toThrow(
      /^no_privilege: front: registering the memory of frames: .*LimitMEMLOCK=infinity/,
    );
  });

  it('leaves no program behind when it is killed in the middle of its work', async () => {
    const node = await PacketNode.start({ engine });
    await node.load();
    const client = await sendToVip(2000);
    await node.until(({ verdicts }) => (verdicts['forward'] ?? 0) > 0);
    client.send(...Array.from({ length: 2000 }, (_, i) => toVip(1024 + i)));
    await node.kill();
    expect(hasProgram('front')).toBe(false);
    expect(hasProgram('back')).toBe(false);
    await (await PacketNode.start({ engine })).stop();
  });

  it("gives each worker a queue of its own, and one without a queue sends by another's", async () => {
    linkFrontWith(2);
    const node = await PacketNode.start({ engine, workers: 2 });
    await node.load();
    await sendToVip(1000);
    const { workers, queues } = await node.until((totals) => totals.verdicts['forward'] === 1000);
    expect(queues.map(({ device, worker, queue }) => `${device} ${worker} ${queue}`)).toEqual(['0 0 0', '0 1 1', '1 0 0']);
    for (const { txPackets } of workers) expect(txPackets).toBeGreaterThan(100);
    await node.stop();
  });

  it('serves several queues by one worker, and follows their number', async () => {
    linkFrontWith(1);
    const node = await PacketNode.start({ engine });
    await node.load();
    setQueues(2);
    await node.until(({ queues }) => queues.length === 3);
    await sendToVip(1000);
    await node.until((totals) => totals.verdicts['forward'] === 1000);
    await node.stop();
  });

  it('refuses a tap, whose other end may leave checksums open and send super-frames; auto takes af_packet', async () => {
    sh('balancer', 'ip tuntap add tap0 mode tap');
    const refusal = 'tap0: XDP on a tap loses the super-frames and open checksums of its other end: say engine: af_packet';
    await expect(PacketNode.start({ engine, devices: ['tap0', 'back'] })).rejects.toThrow(`device_unusable: ${refusal}`);
    const node = await PacketNode.start({ engine: 'auto', devices: ['tap0', 'back'] });
    const [queue] = (await node.totals()).queues;
    expect([queue?.engine, queue?.reason]).toEqual(['af_packet', `no af_xdp: ${refusal}`]);
    await node.stop();
    sh('balancer', 'ip link del tap0');
  });

  it('refuses generic XDP above another device, whose merged packets it would lose', async () => {
    sh('balancer', 'ip link add link front name above type macvlan mode bridge; ip link set above up');
    await expect(PacketNode.start({ engine, devices: ['above', 'back'] })).rejects.toThrow(
      'device_unusable: above: the driver macvlan has no native XDP, and generic XDP loses the packets that the device below has merged: ' +
        'say engine: af_packet',
    );
    sh('balancer', 'ip link del above');
  });

  it('runs generic XDP where the driver has none, and says why', async () => {
    const link = (remote: string, mac: string) =>
      `ip link add above address ${mac} type vxlan id 5 remote ${remote} dstport 4789; ip link set above up`;
    sh('balancer', link(bed.client, '02:00:00:00:0b:0a'));
    sh('client', link(bed.front, bed.clientMac));
    const node = await PacketNode.start({ engine, devices: ['above', 'back'] });
    const desired = bedDesired();
    await node.load({
      ...desired,
      node: {
        ...desired.node,
        devices: desired.node.devices.map((device) => ({ ...device, name: device.name.replace('front', 'above') })),
      },
    });
    const { queues } = await node.totals();
    expect([queues[0]?.xdp, queues[0]?.copy]).toEqual(['generic', 'copy']);
    expect(queues[0]?.reason).toMatch(/^no native XDP: the driver vxlan refused it/);
    const client = await FramePort.open('client', 'above');
    const ethernet = { source: bed.clientMac, destination: '02:00:00:00:0b:0a' };
    client.send(
      ...Array.from({ length: 100 }, (_, i) => tcpFrame({ from: `${bed.client}:${1024 + i}`, to: `${bed.vip}:80`, ethernet })),
    );
    await node.until(({ verdicts }) => verdicts['forward'] === 100);
    await node.stop();
    sh('balancer', 'ip link del above');
  });
});
