// Frames for tests: every field has a valid default and can be made wrong by naming it.
//
// From the inside out: tcpSegment / udpDatagram / icmpMessage make an L4 payload, ipv4Packet wraps it, ethernetFrame wraps
// that; tcpFrame, udpFrame and echoFrame do all three. Big-endian, plain checksums. Pure.

import { checksum, onesSum } from './checksum.ts';

export const protocols = { icmp: 1, ipip: 4, tcp: 6, udp: 17, gre: 47 } as const;
export const routerMac = '02:00:00:00:00:aa';
export const nodeMac = '02:00:00:00:00:01';
export const nextHopMac = '02:00:00:00:00:02';

/** "198.51.100.7:40000" to "203.0.113.10:80". */
export interface Ends {
  readonly from: string;
  readonly to: string;
}

export interface EthernetFields {
  readonly source?: string;
  readonly destination?: string;
  /** Tag control information of each 802.1Q tag, outermost first. */
  readonly vlans?: readonly number[];
  readonly etherType?: number;
  /** Zeros up to this many bytes, as a sender must for the minimum of 60. */
  readonly padTo?: number;
}

export interface Ipv4Fields {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly ttl?: number;
  readonly tos?: number;
  readonly id?: number;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** In units of eight bytes. */
  readonly fragmentOffset?: number;
  /** A multiple of four bytes. */
  readonly options?: Uint8Array;
  readonly version?: number;
  readonly ihl?: number;
  readonly totalLength?: number;
  readonly checksum?: number;
}

/** Fields of the packets' IP and Ethernet headers that a test wants otherwise than by default. */
export interface Around {
  readonly ip?: Partial<Ipv4Fields>;
  readonly ethernet?: EthernetFields;
}

export interface TcpFields extends Ends {
  /** Letters of F S R P A U. */
  readonly flags?: string;
  readonly sequence?: number;
  readonly payload?: Uint8Array;
}

export interface UdpFields extends Ends {
  readonly payload?: Uint8Array;
}

export interface IcmpFields {
  readonly type: number;
  readonly code?: number;
  /** Bytes 4 to 7 of the header. */
  readonly rest?: Uint8Array;
  readonly body?: Uint8Array;
  readonly checksum?: number;
}

export function bytes(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function text(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}

export function ethernetFrame(l3: Uint8Array, fields: EthernetFields = {}): Uint8Array {
  const { source = routerMac, destination = nodeMac, vlans = [], etherType = 0x0800, padTo = 0 } = fields;
  const tags = vlans.flatMap((tag) => [0x81, 0x00, ...be16(tag)]);
  const frame = bytes(macBytes(destination), macBytes(source), tags, be16(etherType), l3);
  return frame.length < padTo ? bytes(frame, new Uint8Array(padTo - frame.length)) : frame;
}

export function ipv4Packet(fields: Ipv4Fields, payload: Uint8Array): Uint8Array {
  const { options = new Uint8Array(0), ttl = 64, tos = 0, id = 0x1234, version = 4, fragmentOffset = 0 } = fields;
  const headerBytes = 20 + options.length;
  const flags = (fields.dontFragment === true ? 0x4000 : 0) | (fields.moreFragments === true ? 0x2000 : 0);
  const header = bytes(
    [(version << 4) | (fields.ihl ?? headerBytes / 4), tos],
    be16(fields.totalLength ?? headerBytes + payload.length),
    be16(id),
    be16(flags | fragmentOffset),
    [ttl, fields.protocol, 0, 0],
    ipv4Bytes(fields.source),
    ipv4Bytes(fields.destination),
    options,
  );
  header.set(be16(fields.checksum ?? checksum(header)), 10);
  return bytes(header, payload);
}

export function tcpSegment({ from, to, flags = 'A', sequence = 1000, payload = new Uint8Array(0) }: TcpFields): Uint8Array {
  const bits = flags.split('').reduce((sum, flag) => sum | (tcpFlags[flag] ?? 0), 0);
  const segment = bytes(
    be16(portOf(from)),
    be16(portOf(to)),
    be32(sequence),
    be32(flags.includes('A') ? 2000 : 0),
    [0x50, bits],
    be16(65000),
    [0, 0, 0, 0],
    payload,
  );
  segment.set(be16(checksum(segment, pseudoHeaderSum({ from, to }, protocols.tcp, segment.length))), 16);
  return segment;
}

export function udpDatagram({ from, to, payload = text('question') }: UdpFields): Uint8Array {
  const datagram = bytes(be16(portOf(from)), be16(portOf(to)), be16(8 + payload.length), [0, 0], payload);
  const sum = checksum(datagram, pseudoHeaderSum({ from, to }, protocols.udp, datagram.length));
  datagram.set(be16(sum === 0 ? 0xffff : sum), 6);
  return datagram;
}

export function icmpMessage(fields: IcmpFields): Uint8Array {
  const { type, code = 0, rest = new Uint8Array(4), body = new Uint8Array(0) } = fields;
  const message = bytes([type, code, 0, 0], rest, body);
  message.set(be16(fields.checksum ?? checksum(message)), 2);
  return message;
}

export function echoMessage(type: 0 | 8, identifier: number, sequence: number, body: Uint8Array): Uint8Array {
  return icmpMessage({ type, rest: bytes(be16(identifier), be16(sequence)), body });
}

export function tcpPacket(fields: TcpFields & Pick<Around, 'ip'>): Uint8Array {
  return ipv4Packet({ ...addressesOf(fields), protocol: protocols.tcp, ...fields.ip }, tcpSegment(fields));
}

export function udpPacket(fields: UdpFields & Pick<Around, 'ip'>): Uint8Array {
  return ipv4Packet({ ...addressesOf(fields), protocol: protocols.udp, ...fields.ip }, udpDatagram(fields));
}

export function tcpFrame(fields: TcpFields & Around): Uint8Array {
  return ethernetFrame(tcpPacket(fields), fields.ethernet);
}

export function udpFrame(fields: UdpFields & Around): Uint8Array {
  return ethernetFrame(udpPacket(fields), fields.ethernet);
}

/** `from` and `to` are addresses without ports. */
export function icmpFrame(fields: Ends & IcmpFields & Around): Uint8Array {
  const { from, to, ip, ethernet } = fields;
  return ethernetFrame(
    ipv4Packet({ source: from, destination: to, protocol: protocols.icmp, ...ip }, icmpMessage(fields)),
    ethernet,
  );
}

export function be16(value: number): readonly number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

export function be32(value: number): readonly number[] {
  return [...be16(value >>> 16), ...be16(value)];
}

export function ipv4Bytes(address: string): Uint8Array {
  return Uint8Array.from(address.split('.').map(Number));
}

export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':').map((byte) => Number.parseInt(byte, 16)));
}

const tcpFlags: Readonly<Record<string, number>> = { F: 0x01, S: 0x02, R: 0x04, P: 0x08, A: 0x10, U: 0x20 };

/** The addresses of both ends, without ports. */
export function addressesOf({ from, to }: Ends): { readonly source: string; readonly destination: string } {
  return { source: from.split(':')[0] ?? '', destination: to.split(':')[0] ?? '' };
}

function portOf(end: string): number {
  return Number(end.split(':')[1]);
}

function pseudoHeaderSum(ends: Ends, protocol: number, l4Bytes: number): number {
  const { source, destination } = addressesOf(ends);
  return onesSum(bytes(ipv4Bytes(source), ipv4Bytes(destination), [0, protocol], be16(l4Bytes)));
}
