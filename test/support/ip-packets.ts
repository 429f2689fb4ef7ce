// IP packets for tests, both families: every field has a valid default and can be made wrong by naming it. Big-endian. Pure.

import { wireBytesOf } from './addresses.ts';
import { checksum } from './checksum.ts';

export const protocols = { icmp: 1, ipip: 4, tcp: 6, udp: 17, ipv6: 41, gre: 47, icmpv6: 58 } as const;
export const extensions = { hopByHop: 0, routing: 43, fragment: 44, destination: 60 } as const;

export interface IpFields {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  /** Or hop limit. */
  readonly ttl?: number;
  /** Or traffic class. */
  readonly tos?: number;
  readonly version?: number;
  /** IPv4. */
  readonly id?: number;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** In units of eight bytes. */
  readonly fragmentOffset?: number;
  /** A multiple of four bytes. */
  readonly options?: Uint8Array;
  readonly ihl?: number;
  readonly totalLength?: number;
  readonly checksum?: number;
  /** IPv6. */
  readonly flowLabel?: number;
  readonly chain?: readonly Extension[];
  readonly payloadLength?: number;
}

/** An IPv6 extension header; its first byte is set to what follows it. */
export interface Extension {
  readonly header: number;
  readonly bytes: Uint8Array;
}

/** The family is that of the destination. */
export function ipPacket(fields: IpFields, payload: Uint8Array): Uint8Array {
  return fields.destination.includes(':') ? ipv6Packet(fields, payload) : ipv4Packet(fields, payload);
}

function ipv4Packet(fields: IpFields, payload: Uint8Array): Uint8Array {
  const { options = new Uint8Array(0), ttl = 64, tos = 0, id = 0x1234, version = 4, fragmentOffset = 0 } = fields;
  const headerBytes = 20 + options.length;
  const flags = (fields.dontFragment === true ? 0x4000 : 0) | (fields.moreFragments === true ? 0x2000 : 0);
  const header = bytes(
    [(version << 4) | (fields.ihl ?? headerBytes / 4), tos],
    be16(fields.totalLength ?? headerBytes + payload.length),
    be16(id),
    be16(flags | fragmentOffset),
    [ttl, fields.protocol, 0, 0],
    wireBytesOf(fields.source),
    wireBytesOf(fields.destination),
    options,
  );
  header.set(be16(fields.checksum ?? checksum(header)), 10);
  return bytes(header, payload);
}

function ipv6Packet(fields: IpFields, payload: Uint8Array): Uint8Array {
  const { ttl = 64, tos = 0, version = 6, flowLabel = 0, chain = [], protocol } = fields;
  const headers = chain.map((each, i) => bytes([chain[i + 1]?.header ?? protocol], each.bytes.subarray(1)));
  const body = bytes(...headers, payload);
  return bytes(
    be32(((version << 28) | (tos << 20) | flowLabel) >>> 0),
    be16(fields.payloadLength ?? body.length),
    [chain[0]?.header ?? protocol, ttl],
    wireBytesOf(fields.source),
    wireBytesOf(fields.destination),
    body,
  );
}

/** Hop-by-hop or destination options of this many bytes, a multiple of eight, all padding. */
export function options6(header: 0 | 60, length: number = 8): Extension {
  return { header, bytes: bytes([0, length / 8 - 1, 1, length - 4], new Uint8Array(length - 4)) };
}

export function routingHeader(segmentsLeft: number, addresses: number = 1): Extension {
  return { header: extensions.routing, bytes: bytes([0, 2 * addresses, 4, segmentsLeft], new Uint8Array(4 + 16 * addresses)) };
}

export interface FragmentFields {
  /** In units of eight bytes. */
  readonly offset?: number;
  readonly more?: boolean;
  readonly id?: number;
}

export function fragmentHeader({ offset = 0, more = false, id = 0x12345678 }: FragmentFields = {}): Extension {
  return { header: extensions.fragment, bytes: bytes([0, 0], be16((offset << 3) | (more ? 1 : 0)), be32(id)) };
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

export function be16(value: number): readonly number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

export function be32(value: number): readonly number[] {
  return [...be16(value >>> 16), ...be16(value)];
}
