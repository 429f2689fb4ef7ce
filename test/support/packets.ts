// Frames for tests: every field has a valid default and can be made wrong by naming it.
//
// From the inside out: tcpSegment / udpDatagram / icmpMessage make an L4 payload, ipPacket wraps it, ethernetFrame wraps that;
// tcpFrame, udpFrame and icmpFrame do all three. The addresses say which family. Big-endian, plain checksums. Pure.

import { familyOf } from '../../src/model/address.ts';
import { wireBytesOf } from './addresses.ts';
import { checksum, onesSum } from './checksum.ts';
import { be16, be32, bytes, type IpFields, ipPacket, protocols } from './ip-packets.ts';

export const routerMac = '02:00:00:00:00:aa';
export const nodeMac = '02:00:00:00:00:01';
export const nextHopMac = '02:00:00:00:00:02';

/** "198.51.100.7:40000" to "203.0.113.10:80", or "[2001:db8::7]:40000" to "[2001:db8::10]:80". */
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

/** Fields of the packets' IP and Ethernet headers that a test wants otherwise than by default. */
export interface Around {
  readonly ip?: Partial<IpFields>;
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

export interface IcmpFields extends Partial<Ends> {
  readonly type: number;
  readonly code?: number;
  /** Bytes 4 to 7 of the header. */
  readonly rest?: Uint8Array;
  readonly body?: Uint8Array;
  readonly checksum?: number;
}

export function text(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}

export function ethernetFrame(l3: Uint8Array, fields: EthernetFields = {}): Uint8Array {
  const { source = routerMac, destination = nodeMac, vlans = [], etherType = typeOf(l3), padTo = 0 } = fields;
  const tags = vlans.flatMap((tag) => [0x81, 0x00, ...be16(tag)]);
  const frame = bytes(macBytes(destination), macBytes(source), tags, be16(etherType), l3);
  return frame.length < padTo ? bytes(frame, new Uint8Array(padTo - frame.length)) : frame;
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

/** Between IPv6 addresses, ICMPv6. */
export function icmpMessage(fields: IcmpFields): Uint8Array {
  const { type, code = 0, rest = new Uint8Array(4), body = new Uint8Array(0), from = '', to = '' } = fields;
  const message = bytes([type, code, 0, 0], rest, body);
  const isV6 = familyOf(addressOf(to)) === 6;
  const pseudo = isV6 ? pseudoHeaderSum({ from, to }, protocols.icmpv6, message.length) : 0;
  message.set(be16(fields.checksum ?? checksum(message, pseudo)), 2);
  return message;
}

export interface EchoFields extends Partial<Ends> {
  readonly isReply?: boolean;
  readonly identifier?: number;
  readonly sequence?: number;
  readonly body?: Uint8Array;
}

export function echoMessage({ isReply = false, identifier = 0, sequence = 0, ...fields }: EchoFields): Uint8Array {
  const types = familyOf(addressOf(fields.to ?? '')) === 6 ? { request: 128, reply: 129 } : { request: 8, reply: 0 };
  const rest = bytes(be16(identifier), be16(sequence));
  return icmpMessage({ ...fields, type: isReply ? types.reply : types.request, rest });
}

export function tcpPacket(fields: TcpFields & Pick<Around, 'ip'>): Uint8Array {
  return ipPacket({ ...addressesOf(fields), protocol: protocols.tcp, ...fields.ip }, tcpSegment(fields));
}

export function udpPacket(fields: UdpFields & Pick<Around, 'ip'>): Uint8Array {
  return ipPacket({ ...addressesOf(fields), protocol: protocols.udp, ...fields.ip }, udpDatagram(fields));
}

/** `from` and `to` are addresses without ports. */
export function icmpPacket(fields: Ends & IcmpFields & Pick<Around, 'ip'>): Uint8Array {
  const { from, to, ip } = fields;
  const protocol = familyOf(to) === 6 ? protocols.icmpv6 : protocols.icmp;
  return ipPacket({ source: from, destination: to, protocol, ...ip }, icmpMessage(fields));
}

export function tcpFrame(fields: TcpFields & Around): Uint8Array {
  return ethernetFrame(tcpPacket(fields), { ...typeFor(fields), ...fields.ethernet });
}

export function udpFrame(fields: UdpFields & Around): Uint8Array {
  return ethernetFrame(udpPacket(fields), { ...typeFor(fields), ...fields.ethernet });
}

export function icmpFrame(fields: Ends & IcmpFields & Around): Uint8Array {
  return ethernetFrame(icmpPacket(fields), { ...typeFor(fields), ...fields.ethernet });
}

const etherTypes = { 4: 0x0800, 6: 0x86dd } as const;

/** By the addresses, whatever version the packet claims. */
function typeFor({ to }: Ends): EthernetFields {
  return { etherType: etherTypes[familyOf(addressOf(to))] };
}

function typeOf(l3: Uint8Array): number {
  return (l3[0] ?? 0) >> 4 === 6 ? etherTypes[6] : etherTypes[4];
}

export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':').map((byte) => Number.parseInt(byte, 16)));
}

const tcpFlags: Readonly<Record<string, number>> = { F: 0x01, S: 0x02, R: 0x04, P: 0x08, A: 0x10, U: 0x20 };

/** The addresses of both ends, without ports. */
export function addressesOf({ from, to }: Ends): { readonly source: string; readonly destination: string } {
  return { source: addressOf(from), destination: addressOf(to) };
}

function addressOf(end: string): string {
  const [, bracketed] = /^\[(.*)\]/.exec(end) ?? [];
  return bracketed ?? (/^[^:]*:\d+$/.test(end) ? (end.split(':')[0] ?? '') : end);
}

function portOf(end: string): number {
  return Number(end.slice(end.lastIndexOf(':') + 1));
}

/** RFC 9293 3.1, RFC 8200 8.1. */
function pseudoHeaderSum(ends: Ends, protocol: number, l4Bytes: number): number {
  const { source, destination } = addressesOf(ends);
  return onesSum(bytes(wireBytesOf(source), wireBytesOf(destination), [0, protocol], be16(l4Bytes)));
}
