// What lies behind the IP header of a packet, as far as it may be read: docs/packet-path.md, step 2, "Fragments" and the quotes of
// "ICMP to a VIP". Pure.

import { type Ip, isExtension, readChain, readIpHeader, viewOf } from './ip.ts';

export const protocols = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

export interface Ports {
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export type Transport =
  /** `firstFragment`: the ID of a datagram whose first fragment this is. */
  | (Ports & { readonly kind: 'flow'; readonly flags: TcpFlags; readonly firstFragment: number | null })
  /** `at`: offset of the message from the IP header. */
  | { readonly kind: 'icmp'; readonly type: number; readonly code: number; readonly at: number }
  | { readonly kind: 'icmpFragment' }
  /** IPv6's protocol is what the fragment header says, which need not be the transport's. */
  | { readonly kind: 'laterFragment'; readonly protocol: number; readonly id: number }
  | { readonly kind: 'bad'; readonly reason: 'malformed' | 'ipv6_headers' | 'no_vip_port' | 'fragment_tiny' };

export interface TcpFlags {
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
}

export const noFlags: TcpFlags = { syn: false, ack: false, fin: false, rst: false };
const fixedBytes: ReadonlyMap<number, number> = new Map([
  [protocols.tcp, 20],
  [protocols.udp, 8],
]);
const icmpBytes = 8;
/** RFC 1858: a TCP fragment here would overwrite the flags. */
const overlappingOffset = 1;

/** `ip` was read from `frame`. */
export function readTransport(frame: Uint8Array, ip: Ip): Transport {
  if (!ip.lengthsAreSound) return { kind: 'bad', reason: 'malformed' };
  const { protocol, at, fragment, fault } = readChain(frame, ip);
  if (fault !== null) return { kind: 'bad', reason: fault };
  const isIcmp = protocol === (ip.family === 4 ? protocols.icmp : protocols.icmpv6);
  const needed = isIcmp ? icmpBytes : fixedBytes.get(protocol);
  const isLater = fragment.kind === 'later';
  // What the first fragment's chain goes on with, a later one cannot tell (RFC 8200 4.5).
  if (isLater && ip.family === 6 && isExtension(protocol)) return { kind: 'laterFragment', protocol, id: fragment.id };
  if (needed === undefined) return { kind: 'bad', reason: 'no_vip_port' };
  if (isIcmp && fragment.kind !== 'none') return { kind: 'icmpFragment' };
  if (isLater && fragment.offset === overlappingOffset && protocol === protocols.tcp)
    return { kind: 'bad', reason: 'fragment_tiny' };
  if (isLater) return { kind: 'laterFragment', protocol, id: fragment.id };
  if (ip.totalBytes - at < needed) return { kind: 'bad', reason: fragment.kind === 'first' ? 'fragment_tiny' : 'malformed' };
  const view = viewOf(frame);
  const start = ip.offset + at;
  if (isIcmp) return { kind: 'icmp', type: view.getUint8(start), code: view.getUint8(start + 1), at };
  const flags = protocol === protocols.tcp ? flagsOf(view.getUint8(start + 13)) : noFlags;
  const firstFragment = fragment.kind === 'first' ? fragment.id : null;
  return { kind: 'flow', ...portsAt(view, start, protocol), flags, firstFragment };
}

export interface Quote extends Ports {
  readonly source: string;
  readonly destination: string;
}

/**
 * The TCP or UDP packet that an ICMP error quotes, from the byte `start` of the frame on; undefined: nothing to go by. Its
 * lengths are not believed, since a quote is cut short.
 */
export function readQuote(frame: Uint8Array, ip: Ip, start: number): Quote | undefined {
  const end = ip.offset + ip.totalBytes;
  const quoted = readIpHeader(frame, start, ip.family, end);
  if (quoted === undefined || (quoted.family === 4 && quoted.headerBytes < 20)) return undefined;
  const { protocol, at, fragment, fault } = readChain(frame, quoted, end);
  if (fault !== null || fragment.kind === 'later' || !fixedBytes.has(protocol)) return undefined;
  if (start + at + 8 > end) return undefined;
  return { source: quoted.source, destination: quoted.destination, ...portsAt(viewOf(frame), start + at, protocol) };
}

function portsAt(view: DataView, at: number, protocol: number): Ports {
  return { protocol, sourcePort: view.getUint16(at), destinationPort: view.getUint16(at + 2) };
}

function flagsOf(bits: number): TcpFlags {
  return { fin: (bits & 0x01) !== 0, syn: (bits & 0x02) !== 0, rst: (bits & 0x04) !== 0, ack: (bits & 0x10) !== 0 };
}
