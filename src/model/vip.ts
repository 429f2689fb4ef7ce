// A VIP: an address (or prefix), a protocol and a port (or range, or any), steered to one pool. Pure.
//
// From a list of ports each port is a VIP of its own, so that each has its own name, index and counters. A VIP of mode local
// is an address alone, since nobody looks at its packets. The written form is the identity everywhere: output, API, metrics,
// arguments.

import { familyOf, isHostPrefix, type Prefix, parsePrefix } from './address.ts';

export type Protocol = 'tcp' | 'udp';
export type HashMode = '5tuple' | 'source' | 'destinationPort';
export type Encap = 'ipip' | 'l2';

/** Inclusive range; a single port has first === last; every port is 0 … 65535. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export const anyPort: PortRange = { first: 0, last: 65535 };

export interface Timeouts {
  readonly tcpSec: number;
  readonly finSec: number;
  readonly udpSec: number;
  readonly probationSec: number;
}

export const defaultTimeouts: Timeouts = { tcpSec: 6 * 3600, finSec: 120, udpSec: 120, probationSec: 10 };

export function isAnyPort(ports: PortRange): boolean {
  return ports.first === 0 && ports.last === 65535;
}

// Forms: 203.0.113.10:80/tcp  [2001:db8::10]:443/tcp  203.0.113.10:*/udp  203.0.113.10:8000-8100/tcp  203.0.113.0/24:80/tcp
export function vipName(prefix: Prefix, ports: PortRange, protocol: Protocol): string {
  const address = shortText(prefix);
  const host = familyOf(prefix.address) === 6 ? `[${address}]` : address;
  const port = isAnyPort(ports) ? '*' : ports.first === ports.last ? `${ports.first}` : `${ports.first}-${ports.last}`;
  return `${host}:${port}/${protocol}`;
}

// Forms of mode local: 203.0.113.53  2001:db8::53  203.0.113.0/24; with a protocol as any other: 203.0.113.53:*/tcp
export function localVipName(prefix: Prefix, protocol: Protocol | null): string {
  return protocol === null ? shortText(prefix) : vipName(prefix, anyPort, protocol);
}

function shortText(prefix: Prefix): string {
  return isHostPrefix(prefix) ? prefix.address : `${prefix.address}/${prefix.length}`;
}

/** The name of a VIP of either mode, however it was written; undefined when it is none. */
export function canonicalVipName(text: string): string | undefined {
  const parts = parseVipName(text);
  if (parts !== undefined) return vipName(parts.prefix, parts.ports, parts.protocol);
  const prefix = parsePrefix(text.replace(/^\[(.*)\]$/, '$1'));
  return prefix === undefined ? undefined : localVipName(prefix, null);
}

export interface VipParts {
  readonly prefix: Prefix;
  readonly ports: PortRange;
  readonly protocol: Protocol;
}

/** Reads what `vipName` writes; undefined when it is no VIP name. */
export function parseVipName(text: string): VipParts | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\*|\d{1,5}(?:-\d{1,5})?)\/(tcp|udp)$/.exec(text);
  if (!match) return undefined;
  const prefix = parsePrefix(match[1] ?? match[2] ?? '');
  const ports = parsePorts(match[3] ?? '');
  const isBracketed = match[1] !== undefined;
  if (prefix === undefined || ports === undefined || isBracketed !== (familyOf(prefix.address) === 6)) return undefined;
  return { prefix, ports, protocol: match[4] as Protocol };
}

/** "80", "8000-8100" or "*"; undefined when malformed, reversed or above 65535. Port 0 is no port, and 0080 none either. */
export function parsePorts(text: string): PortRange | undefined {
  if (text === '*') return anyPort;
  const match = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first <= last && last <= 65535 ? { first, last } : undefined;
}
