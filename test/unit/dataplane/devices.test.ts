import { describe, expect, it } from 'vitest';
import { checkDevices } from '../../../src/dataplane/devices.ts';
import type { Link } from '../../../src/net.ts';

function link(ifindex: number, name: string, more: Partial<Link> = {}): Link {
  return { name, ifindex, mac: '02:00:00:00:00:01', mtuBytes: 1500, isUp: true, kind: '', master: 0, lower: 0, ...more };
}

const links = [
  link(1, 'lo'),
  link(2, 'eth0', { master: 5 }),
  link(3, 'eth1', { master: 5 }),
  link(4, 'eth2'),
  link(5, 'bond0', { kind: 'bond' }),
  link(6, 'bond0.7', { kind: 'vlan', lower: 5 }),
  link(7, 'br0', { kind: 'bridge' }),
  link(8, 'tap0', { kind: 'tun', master: 7 }),
  link(9, 'eth3', { master: 10 }),
  link(10, 'blue', { kind: 'vrf' }),
  link(11, 'eth4', { master: 12 }),
  link(12, 'failover0'),
  link(13, 'veth0', { kind: 'veth', lower: 14 }),
  link(14, 'veth1', { kind: 'veth', lower: 13 }),
];

describe('checkDevices', () => {
  it('refuses a member of a bond or a bridge, and names what to take instead', () => {
    expect(() => checkDevices(['eth0'], links)).toThrow(
      'eth0: it belongs to the bond bond0, which has its packets and routes: name bond0 under node.devices instead',
    );
    expect(() => checkDevices(['eth2', 'tap0'], links)).toThrow('tap0: it belongs to the bridge br0');
    expect(() => checkDevices(['eth4'], links)).toThrow('eth4: it belongs to failover0, which');
  });

  it('takes the bond, the bridge, a member of a VRF and cards of their own', () => {
    for (const names of [['bond0'], ['br0', 'eth2'], ['eth3'], ['bond0.7']])
      expect(() => checkDevices(names, links)).not.toThrow();
  });

  it('refuses a VLAN beside the device that it lies on', () => {
    expect(() => checkDevices(['bond0', 'bond0.7'], links)).toThrow(
      'bond0.7: its packets come by bond0, too, and would be taken twice: name one of the two',
    );
  });

  it('takes both ends of a veth, and leaves what is not there to the engine', () => {
    expect(() => checkDevices(['veth0', 'veth1', 'eth9'], links)).not.toThrow();
  });
});
