import { describe, expect, it } from 'vitest';
import { neededChanges } from '../../../src/host/kernel-settings.ts';

const changes = (present: Readonly<Record<string, string>>, devices = ['eth0']) =>
  neededChanges(devices, (name) => present[name] ?? '0').map(({ name, before, set }) => `${name} ${before}->${set}`);

describe('the settings of direct server return', () => {
  it('raise both ARP settings on a plain machine', () => {
    expect(changes({})).toEqual(['all/arp_ignore 0->1', 'all/arp_announce 0->2']);
  });

  it('leave alone what is already enough', () => {
    expect(changes({ 'all/arp_ignore': '8', 'all/arp_announce': '2' })).toEqual([]);
  });

  it.each([
    ['0', '1'],
    ['1', '0'],
    ['1', '1'],
  ])('loosen a strict reverse path filter (all %s, device %s) on the device, never on all', (all, device) => {
    const present = { 'all/arp_ignore': '1', 'all/arp_announce': '2', 'all/rp_filter': all, 'eth0/rp_filter': device };
    expect(changes(present)).toEqual([`eth0/rp_filter ${device}->2`]);
  });

  it.each([
    ['0', '0'],
    ['2', '1'],
    ['0', '2'],
  ])('leave a filter that is off or loose (all %s, device %s)', (all, device) => {
    const present = { 'all/arp_ignore': '1', 'all/arp_announce': '2', 'all/rp_filter': all, 'eth0/rp_filter': device };
    expect(changes(present)).toEqual([]);
  });
});
