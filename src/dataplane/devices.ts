// Which network devices can be named together under node.devices, whatever engine carries them. Pure.
//
// Every packet must come by exactly one of them, and the kernel's routes must leave by it: a member of a bond or bridge has neither,
// and a VLAN's packets come by the device below it, too.

import { ToriiError } from '../errors.ts';
import type { Link } from '../net.ts';

/** Throws device_unusable with what to name instead. Devices that are not there are for the engine to refuse. */
export function checkDevices(names: readonly string[], links: readonly Link[]): void {
  const byIndex = new Map(links.map((link) => [link.ifindex, link]));
  for (const link of links.filter(({ name }) => names.includes(name))) {
    const trouble = membership(link, byIndex.get(link.master)) ?? overlap(names, link, byIndex.get(link.lower));
    if (trouble !== null) throw new ToriiError('device_unusable', trouble);
  }
}

/** A VRF only chooses the routing table. */
function membership({ name }: Link, master: Link | undefined): string | null {
  if (master === undefined || master.kind === 'vrf') return null;
  const what = master.kind === '' ? master.name : `the ${master.kind} ${master.name}`;
  return `${name}: it belongs to ${what}, which has its packets and routes: name ${master.name} under node.devices instead`;
}

function overlap(names: readonly string[], { name, kind }: Link, lower: Link | undefined): string | null {
  if (kind !== 'vlan' || lower === undefined || !names.includes(lower.name)) return null;
  return `${name}: its packets come by ${lower.name}, too, and would be taken twice: name one of the two under node.devices`;
}
