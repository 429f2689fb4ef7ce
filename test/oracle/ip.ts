// Reads Ethernet and the fixed IP header of a frame, and an IPv6 header chain: whose a packet is.
//
// Independent of native/core/parse.h on purpose: big-endian DataView, copies, addresses as text. Works on quoted packets, too.
// Pure.

import type { Family } from '../../src/model/address.ts';
import { ipv6TextOf, isMapped } from '../support/addresses.ts';

export interface Ip {
  readonly family: Family;
  /** Offset of the IP header in the frame; everything before it is Ethernet, tag included. */
  readonly offset: number;
  /** Canonical text. */
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
  /** TOS or traffic class. */
  readonly tos: number;
  /** Never to be fragmented on the way: IPv6, or DF. */
  readonly isWhole: boolean;
  /** As the header says, believed only once `lengthsAreSound`. IPv6: the fixed header alone. */
  readonly headerBytes: number;
  readonly totalBytes: number;
  readonly lengthsAreSound: boolean;
}

/** What stands between the IP header and the transport header. */
export interface Chain {
  readonly protocol: number;
  /** Offset of what follows, from the IP header. */
  readonly at: number;
  readonly fragment: Fragment;
  /** A broken chain is malformed, or a first fragment without its whole chain (RFC 7112). */
  readonly fault: 'malformed' | 'ipv6_headers' | 'fragment_tiny' | null;
}

/** An atomic fragment (RFC 6946) is none. */
export interface Fragment {
  readonly kind: 'none' | 'first' | 'later';
  /** In units of eight bytes. */
  readonly offset: number;
  readonly id: number;
}

const ethernetBytes = 14;
const tagBytes = 4;
const etherTypes = { ipv4: 0x0800, tag: 0x8100, ipv6: 0x86dd } as const;
export const headerBytes = { 4: 20, 6: 40 } as const;
const extensions = { hopByHop: 0, routing: 43, fragment: 44, destination: 60 } as const;
const extensionBytes = 8;
const extensionsMax = 6;
const whole: Fragment = { kind: 'none', offset: 0, id: 0 };

/**
 * Undefined: no destination can be read, so the frame is the kernel's. An IPv4-mapped one is no address of a packet: without this
 * an IPv6 packet could name an IPv4 VIP.
 */
export function readIp(frame: Uint8Array): Ip | undefined {
  const place = l3Place(viewOf(frame));
  const ip = place && readIpHeader(frame, place.offset, place.family, frame.length);
  return ip === undefined || isMapped(ip.destination) ? undefined : ip;
}

/** An IP header at `offset`, which ends at `end` at the latest. */
export function readIpHeader(bytes: Uint8Array, offset: number, family: Family, end: number): Ip | undefined {
  const view = viewOf(bytes);
  if (offset + headerBytes[family] > end || view.getUint8(offset) >> 4 !== family) return undefined;
  return family === 4 ? readIpv4(view, offset, end) : readIpv6(view, offset, end);
}

function readIpv4(view: DataView, offset: number, end: number): Ip {
  const length = (view.getUint8(offset) & 15) * 4;
  const totalBytes = view.getUint16(offset + 2);
  return {
    family: 4,
    offset,
    source: quadAt(view, offset + 12),
    destination: quadAt(view, offset + 16),
    ttl: view.getUint8(offset + 8),
    tos: view.getUint8(offset + 1),
    isWhole: (view.getUint8(offset + 6) & 0x40) !== 0,
    headerBytes: length,
    totalBytes,
    lengthsAreSound: length >= headerBytes[4] && length <= totalBytes && offset + totalBytes <= end,
  };
}

function readIpv6(view: DataView, offset: number, end: number): Ip {
  const totalBytes = headerBytes[6] + view.getUint16(offset + 4);
  return {
    family: 6,
    offset,
    source: textAt(view, offset + 8),
    destination: textAt(view, offset + 24),
    ttl: view.getUint8(offset + 7),
    tos: (view.getUint16(offset) >> 4) & 0xff,
    isWhole: true,
    headerBytes: headerBytes[6],
    totalBytes,
    lengthsAreSound: offset + totalBytes <= end,
  };
}

/** `ip` has sound lengths, or is a quote that ends at `end`. */
export function readChain(bytes: Uint8Array, ip: Ip, end = ip.offset + ip.totalBytes): Chain {
  const view = viewOf(bytes);
  if (ip.family === 6) return walk(view, ip.offset, end - ip.offset);
  const field = view.getUint16(ip.offset + 6);
  const offset = field & 0x1fff;
  const id = view.getUint16(ip.offset + 4);
  const kind = offset > 0 ? 'later' : (field & 0x2000) !== 0 ? 'first' : 'none';
  return { protocol: view.getUint8(ip.offset + 9), at: ip.headerBytes, fragment: { kind, offset, id }, fault: null };
}

/** RFC 8200 4: at most six extension headers in the `total` bytes from `start` on. */
function walk(view: DataView, start: number, total: number): Chain {
  let protocol = view.getUint8(start + 6);
  let at: number = headerBytes[6];
  let fragment = whole;
  const broken = (fault?: 'ipv6_headers'): Chain => ({
    protocol,
    at,
    fragment,
    fault: fault ?? (fragment.kind === 'first' ? 'fragment_tiny' : 'malformed'),
  });
  for (let count = 1; isExtension(protocol); count++) {
    if (count > extensionsMax) return broken('ipv6_headers');
    if (at + extensionBytes > total) return broken();
    const [header, here] = [protocol, start + at];
    protocol = view.getUint8(here);
    if (header === extensions.fragment) {
      fragment = nextFragment(view, here, fragment);
      at += extensionBytes;
      if (fragment.kind === 'later') break;
    } else {
      if (header === extensions.routing && view.getUint8(here + 3) > 0) return broken('ipv6_headers');
      at += (view.getUint8(here + 1) + 1) * 8;
    }
  }
  return at > total ? broken() : { protocol, at, fragment, fault: null };
}

function nextFragment(view: DataView, at: number, before: Fragment): Fragment {
  const field = view.getUint16(at + 2);
  const id = view.getUint32(at + 4);
  const offset = field >> 3;
  if (offset > 0) return { kind: 'later', offset, id };
  return { kind: (field & 1) !== 0 ? 'first' : before.kind, offset, id };
}

export function isExtension(protocol: number): boolean {
  return Object.values(extensions).some((number) => number === protocol);
}

/** Where IP starts behind at most one tag. */
function l3Place(view: DataView): { readonly offset: number; readonly family: Family } | undefined {
  if (view.byteLength < ethernetBytes) return undefined;
  const isTagged = view.getUint16(12) === etherTypes.tag;
  const offset = ethernetBytes + (isTagged ? tagBytes : 0);
  if (view.byteLength < offset) return undefined;
  const type = view.getUint16(offset - 2);
  return type === etherTypes.ipv4 ? { offset, family: 4 } : type === etherTypes.ipv6 ? { offset, family: 6 } : undefined;
}

function quadAt(view: DataView, at: number): string {
  return [0, 1, 2, 3].map((i) => view.getUint8(at + i)).join('.');
}

function textAt(view: DataView, at: number): string {
  return ipv6TextOf(new Uint8Array(view.buffer, view.byteOffset + at, 16));
}

export function viewOf(frame: Uint8Array): DataView {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
}
