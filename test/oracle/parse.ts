// Takes a frame apart as docs/packet-path.md says, steps 1 and 2: the oracle's reader.
//
// Independent of native/core/parse.h on purpose: big-endian DataView, copies, names. `undefined` means that no destination
// can be read, so the frame is the kernel's. IPv4 only in this version. Pure.

export const protocols = { icmp: 1, tcp: 6, udp: 17 } as const;

export interface Ipv4 {
  /** Offset of the IP header in the frame; everything before it is Ethernet, tag included. */
  readonly offset: number;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly ttl: number;
  readonly tos: number;
  readonly moreFragments: boolean;
  /** In units of eight bytes. */
  readonly fragmentOffset: number;
  /** As the header says, believed only once `lengthsAreSound`. */
  readonly headerBytes: number;
  readonly totalBytes: number;
  readonly lengthsAreSound: boolean;
}

/** What lies behind the IP header, as far as it may be read. */
export type Transport =
  | { readonly kind: 'flow'; readonly sourcePort: number; readonly destinationPort: number; readonly flags: TcpFlags }
  | { readonly kind: 'icmp'; readonly type: number; readonly code: number }
  | { readonly kind: 'icmpFragment' }
  | { readonly kind: 'laterFragment' }
  | { readonly kind: 'bad'; readonly reason: 'malformed' | 'no_vip_port' | 'fragment_tiny' };

export interface TcpFlags {
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
}

const noFlags: TcpFlags = { syn: false, ack: false, fin: false, rst: false };
const ethernetBytes = 14;
const tagBytes = 4;
const etherTypes = { ipv4: 0x0800, tag: 0x8100 } as const;
const smallestHeader = 20;
const l4HeaderBytes: ReadonlyMap<number, number> = new Map([
  [protocols.tcp, 20],
  [protocols.udp, 8],
  [protocols.icmp, 8],
]);

export function readIpv4(frame: Uint8Array): Ipv4 | undefined {
  const view = viewOf(frame);
  const offset = l3Offset(view);
  if (offset === undefined || offset + smallestHeader > frame.length || view.getUint8(offset) >> 4 !== 4) return undefined;
  const headerBytes = (view.getUint8(offset) & 15) * 4;
  const totalBytes = view.getUint16(offset + 2);
  const fragment = view.getUint16(offset + 6);
  return {
    offset,
    source: frame.subarray(offset + 12, offset + 16).join('.'),
    destination: frame.subarray(offset + 16, offset + 20).join('.'),
    protocol: view.getUint8(offset + 9),
    ttl: view.getUint8(offset + 8),
    tos: view.getUint8(offset + 1),
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset: fragment & 0x1fff,
    headerBytes,
    totalBytes,
    lengthsAreSound: headerBytes >= smallestHeader && headerBytes <= totalBytes && offset + totalBytes <= frame.length,
  };
}

/** `ip` was read from `frame`. */
export function readTransport(frame: Uint8Array, ip: Ipv4): Transport {
  if (!ip.lengthsAreSound) return { kind: 'bad', reason: 'malformed' };
  const needed = l4HeaderBytes.get(ip.protocol);
  if (needed === undefined) return { kind: 'bad', reason: 'no_vip_port' };
  const isFragment = ip.moreFragments || ip.fragmentOffset > 0;
  if (isFragment && ip.protocol === protocols.icmp) return { kind: 'icmpFragment' };
  if (ip.fragmentOffset === 1 && ip.protocol === protocols.tcp) return { kind: 'bad', reason: 'fragment_tiny' };
  if (ip.fragmentOffset > 0) return { kind: 'laterFragment' };
  if (ip.totalBytes - ip.headerBytes < needed) return { kind: 'bad', reason: isFragment ? 'fragment_tiny' : 'malformed' };
  return readHeader(viewOf(frame), ip.offset + ip.headerBytes, ip.protocol);
}

function readHeader(view: DataView, at: number, protocol: number): Transport {
  if (protocol === protocols.icmp) return { kind: 'icmp', type: view.getUint8(at), code: view.getUint8(at + 1) };
  const flags = protocol === protocols.tcp ? flagsOf(view.getUint8(at + 13)) : noFlags;
  return { kind: 'flow', sourcePort: view.getUint16(at), destinationPort: view.getUint16(at + 2), flags };
}

function flagsOf(bits: number): TcpFlags {
  return { fin: (bits & 0x01) !== 0, syn: (bits & 0x02) !== 0, rst: (bits & 0x04) !== 0, ack: (bits & 0x10) !== 0 };
}

/** Where IPv4 starts behind at most one tag. */
function l3Offset(view: DataView): number | undefined {
  if (view.byteLength < ethernetBytes) return undefined;
  const type = view.getUint16(12);
  if (type === etherTypes.ipv4) return ethernetBytes;
  if (type !== etherTypes.tag || view.byteLength < ethernetBytes + tagBytes) return undefined;
  return view.getUint16(12 + tagBytes) === etherTypes.ipv4 ? ethernetBytes + tagBytes : undefined;
}

function viewOf(frame: Uint8Array): DataView {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
}
