// Starting the engine af_packet where it cannot run: nothing is left open, and one sentence says what to do.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDevices } from '../../src/dataplane/devices.ts';
import type { Link } from '../../src/net.ts';
import { buildNative } from '../support/native-build.ts';
import { hasTcx } from './support/kernel-beside.ts';
import { build, remove, script, sh } from './support/packet-bed.ts';
import { PacketNode } from './support/packet-node-handle.ts';

const withAllItNeeds = ['setpriv', '--bounding-set=-all,+net_raw,+net_admin,+bpf', '--inh-caps=-all'];
const netModule = new URL('../../dist/src/net.js', import.meta.url).href;
const withoutShield = ['setpriv', '--bounding-set=-bpf,-sys_admin,-net_admin', '--inh-caps=-bpf,-sys_admin,-net_admin'];

describe('starting the engine af_packet', () => {
  beforeAll(() => {
    buildNative('all');
    build();
  });

  afterAll(remove);

  it('names the capability that is missing and how to give it', async () => {
    const wrap = ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'];
    await expect(PacketNode.start({ wrap })).rejects.toThrow(
      /^no_privilege: front: opening a packet socket needs CAP_NET_RAW: run as root, or `setcap cap_net_raw,cap_net_admin\+ep /,
    );
  });

  it('names a device that does not exist, and those that do', async () => {
    await expect(PacketNode.start({ devices: ['front', 'eth7'] })).rejects.toThrow(
      'device_unknown: eth7: no such network device; this host has lo, front, back',
    );
  });

  it('knows of links what they are and what they belong to', async () => {
    sh('balancer', 'ip link add br0 type bridge; ip link add up0 link front type macvlan; ip link set up0 master br0');
    const links = JSON.parse(
      await script(
        'balancer',
        `import(${JSON.stringify(netModule)}).then(({ loadNetAddon }) => {
      console.log(JSON.stringify(loadNetAddon().links()));
    });`,
      ),
    ) as readonly Link[];
    const named = (name: string) => links.find((each) => each.name === name);
    expect(named('br0')).toMatchObject({ kind: 'bridge', master: 0, lower: 0 });
    expect(named('up0')).toMatchObject({ kind: 'macvlan', master: named('br0')?.ifindex, lower: named('front')?.ifindex });
    expect(named('front')).toMatchObject({ kind: 'veth', master: 0, lower: 0 });
    expect(() => checkDevices(['up0'], links)).toThrow('up0: it belongs to the bridge br0');
    sh('balancer', 'ip link del up0; ip link del br0');
  });

  it('refuses a device that is no Ethernet', async () => {
    await expect(PacketNode.start({ devices: ['lo'] })).rejects.toThrow('device_unusable: lo: expected an Ethernet device');
  });

  it('refuses a device that the kernel forwards on and cannot be kept from, with the command that ends it', async () => {
    for (const setting of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']) {
      sh('balancer', `sysctl -qw ${setting}=1`);
      await expect(PacketNode.start({ wrap: withoutShield })).rejects.toThrow(
        /^device_unusable: front: the kernel forwards .*`sysctl -w net.ipv4.ip_forward=0 .* needs CAP_BPF and CAP_NET_ADMIN/,
      );
      sh('balancer', `sysctl -qw ${setting}=0`);
    }
    await (await PacketNode.start({ wrap: withoutShield })).stop();
  });

  it.skipIf(!hasTcx)('says for people why the kernel handles VIP packets, too, and says nothing where it does not', async () => {
    const bare = await PacketNode.start({ wrap: withoutShield });
    expect((await bare.totals()).queues.map(({ reason }) => reason)).toEqual(
      ['front', 'back'].map(() => 'the kernel handles VIP packets, too: keeping it from them needs CAP_BPF and CAP_NET_ADMIN'),
    );
    await bare.stop();
    const node = await PacketNode.start({ wrap: withAllItNeeds });
    expect((await node.totals()).queues.map(({ reason }) => reason)).toEqual(['', '']);
    await node.stop();
  });

  it('notices when the kernel begins to forward on a device, and when it ends', async () => {
    const node = await PacketNode.start({ wrap: withoutShield });
    await node.until(({ devices }) => devices['front'] === 'up' && devices['back'] === 'up');
    sh('balancer', 'sysctl -qw net.ipv4.conf.front.forwarding=1');
    await node.until(({ devices }) => devices['front'] === 'forwarding' && devices['back'] === 'up');
    sh('balancer', 'sysctl -qw net.ipv4.conf.front.forwarding=0');
    await node.until(({ devices }) => devices['front'] === 'up');
    await node.stop();
  });

  it('refuses a device that another balancer of the network namespace uses, until that one ends in whatever way', async () => {
    const first = await PacketNode.start();
    await expect(PacketNode.start({ devices: ['back'] })).rejects.toThrow(
      /^address_in_use: back: another torii balancer forwards on this device \(`ss -xap \| grep torii-device-back` shows/,
    );
    await first.kill();
    await (await PacketNode.start()).stop();
  });

  it('leaves no socket behind when a later device is refused', async () => {
    await expect(PacketNode.start({ devices: ['front', 'eth7'], workers: 2 })).rejects.toThrow('eth7');
    expect(sh('balancer', 'cat /proc/net/packet').trim().split('\n').length).toBe(1);
  });
});
