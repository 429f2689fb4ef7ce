// From the kernel's route, links and neighbour to the next hop of one backend, or to the reason why there is none. Pure.

import type { NextHop } from '../model/backend.ts';
import type { Link, Route } from '../net.ts';

/** Neighbour states of linux/neighbour.h. */
export const nud = {
  none: 0,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noArp: 0x40,
  permanent: 0x80,
} as const;

const usableStates = nud.reachable | nud.stale | nud.delay | nud.probe | nud.noArp | nud.permanent;

/** Whether the kernel itself would send to the neighbour now. */
export function isUsable(state: number): boolean {
  return (state & usableStates) !== 0;
}

/** What is known of the machine that packets for a backend go to: itself, or the gateway. */
export interface Target {
  readonly ifindex: number;
  readonly address: string;
  readonly mac: string | null;
  /** `pending`: asked, and too early to say; `failed`: no answer. */
  readonly phase: 'pending' | 'good' | 'failed';
}

/** Whom to ask for, by the route; undefined where the route leads to no neighbour. */
export function neighbourOf(address: string, route: Route | undefined): { ifindex: number; address: string } | undefined {
  if (route?.kind !== 'unicast' || route.hasEncap) return undefined;
  return { ifindex: route.ifindex, address: route.gateway ?? address };
}

export interface Surroundings {
  /** node.devices of the document, in its order. */
  readonly devices: readonly string[];
  readonly links: ReadonlyMap<number, Link>;
}

/** Undefined while the answer is still out: whatever was known before stands. */
export function decideNextHop(
  address: string,
  route: Route | undefined,
  target: Target | undefined,
  { devices, links }: Surroundings,
): NextHop | undefined {
  if (route === undefined) return undefined;
  if (route.kind === 'none') return unresolved(`no route to ${address}: ${route.reason.toLowerCase()}`);
  if (route.kind === 'local') return unresolved(`${address} is an address of this host`);
  if (route.kind === 'other') return unresolved(`${address} is not the address of one host`);
  if (route.hasEncap)
    return unresolved(`the route to ${address} has an encapsulation (ip route ... encap), which is not done here`);
  const link = links.get(route.ifindex);
  if (link === undefined) return unresolved(`the device that the route to ${address} leaves by is gone`);
  if (!devices.includes(link.name)) {
    return unresolved(`the route to ${address} leaves by ${link.name}, which is not one of node.devices (${devices.join(', ')})`);
  }
  if (!link.isUp) return unresolved(`${link.name} is down`);
  if (target === undefined || target.phase === 'pending') return undefined;
  if (target.phase === 'failed' || target.mac === null) {
    const protocol = target.address.includes(':') ? 'neighbour discovery' : 'ARP';
    const who = target.address === address ? address : `gateway ${target.address}`;
    return unresolved(`${who} does not answer ${protocol} on ${link.name}`);
  }
  return {
    kind: 'resolved',
    device: link.name,
    mac: target.mac,
    mtuBytes: Math.min(link.mtuBytes, route.mtuBytes ?? link.mtuBytes),
    ...(target.address === address ? {} : { isGateway: true }),
  };
}

export function sameNextHop(a: NextHop, b: NextHop): boolean {
  if (a.kind === 'unresolved') return b.kind === 'unresolved' && a.reason === b.reason;
  if (b.kind === 'unresolved' || a.isGateway !== b.isGateway) return false;
  return a.device === b.device && a.mac === b.mac && a.mtuBytes === b.mtuBytes;
}

function unresolved(reason: string): NextHop {
  return { kind: 'unresolved', reason };
}
