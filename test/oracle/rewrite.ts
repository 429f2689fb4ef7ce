// Forwarded packets as they leave: the outer header put around, or the inner packet in pieces that fit.
//
// Everything is built anew from fields, after docs/packet-path.md, "Header rules" and "MTU"; checksums are summed in full, except
// where a wrong one must stay wrong. Pure; arguments are never changed.

import { familyOf } from '../../src/model/address.ts';
import type { Encap } from '../../src/model/vip.ts';
import { wireBytesOf } from '../support/addresses.ts';
import { checksum, isValid, onesSum } from '../support/checksum.ts';
import { headerBytes, type Ip, viewOf } from './ip.ts';

const outerTtl = 64;
const dontFragment = 0x40;
const moreFragments = 0x2000;
const carried = { 4: 4, 6: 41 } as const;
const etherTypes = { 4: 0x0800, 6: 0x86dd } as const;
const smallestPiece = 8;

/** The way to a backend. */
export interface Outer {
  readonly encap: Encap;
  readonly source: string;
  readonly destination: string;
  /** "02:00:00:00:00:01" */
  readonly sourceMac: string;
  readonly destinationMac: string;
}

/** Bytes that the way adds to a packet. */
export function overheadOf({ encap, destination }: Pick<Outer, 'encap' | 'destination'>): number {
  return encap === 'l2' ? 0 : headerBytes[familyOf(destination)];
}

/** The whole packet for a backend: Ethernet padding cut, tag kept. */
export function encapsulate(frame: Uint8Array, ip: Ip, outer: Outer): Uint8Array {
  return wrap(decremented(frame, ip), frame, ip, outer);
}

/** RFC 791 3.2: pieces of an IPv4 packet whose L3 length is `mtu` at most, each wrapped; undefined: not even eight bytes fit. */
export function encapsulatePieces(frame: Uint8Array, ip: Ip, outer: Outer, mtu: number): readonly Uint8Array[] | undefined {
  const size = Math.floor((mtu - ip.headerBytes) / 8) * 8;
  if (size < smallestPiece) return undefined;
  const packet = decremented(frame, ip);
  const payload = packet.subarray(ip.headerBytes);
  const count = Math.ceil(payload.length / size);
  return Array.from({ length: count }, (_, i) => {
    const part = payload.subarray(i * size, (i + 1) * size);
    return wrap(piece(packet, ip, { part, from: i * size, isLast: i === count - 1 }), frame, ip, outer);
  });
}

interface Part {
  readonly part: Uint8Array;
  /** Offset of its first byte in the packet's payload. */
  readonly from: number;
  readonly isLast: boolean;
}

function piece(packet: Uint8Array, { headerBytes: whole }: Ip, { part, from, isLast }: Part): Uint8Array {
  const original = packet.subarray(0, whole);
  const header = from === 0 ? original.slice() : laterHeader(original);
  const field = viewOf(original).getUint16(6);
  header.set(be16(header.length + part.length), 2);
  header.set(be16((field & 0xc000) | (isLast ? field & moreFragments : moreFragments) | ((field & 0x1fff) + from / 8)), 6);
  header.set([0, 0], 10);
  // RFC 1624, equation 3, over all words at once: what was wrong with the packet's checksum stays wrong with each piece's.
  const right = checksum(withoutChecksum(original));
  header.set(be16(~onesSum(be16Bytes(~word(original, 10), right, onesSum(header)))), 10);
  return join(header, part);
}

/** Only options whose copied flag is set go with later pieces. */
function laterHeader(header: Uint8Array): Uint8Array {
  const copied: number[] = [];
  for (let at = 20; at < header.length; ) {
    const type = header[at] ?? 0;
    const length = type === 1 ? 1 : (header[at + 1] ?? 0);
    if (type === 0 || (type !== 1 && length < 2) || at + length > header.length) break;
    if ((type & 0x80) !== 0) copied.push(...header.subarray(at, at + length));
    at += length;
  }
  while (copied.length % 4 > 0) copied.push(0);
  const later = join(header.subarray(0, 20), Uint8Array.from(copied));
  later[0] = 0x40 | (later.length / 4);
  return later;
}

/** The packet with one hop less. */
function decremented(frame: Uint8Array, ip: Ip): Uint8Array {
  const packet = frame.slice(ip.offset, ip.offset + ip.totalBytes);
  if (ip.family === 4) setByte(packet.subarray(0, ip.headerBytes), { at: 8, value: ip.ttl - 1, checksumAt: 10 });
  else packet[7] = ip.ttl - 1;
  return packet;
}

function wrap(inner: Uint8Array, frame: Uint8Array, ip: Ip, outer: Outer): Uint8Array {
  const family = outer.encap === 'l2' ? ip.family : familyOf(outer.destination);
  const header = outer.encap === 'l2' ? new Uint8Array(0) : family === 4 ? ipv4(inner, ip, outer) : ipv6(inner, ip, outer);
  const tag = frame.subarray(12, ip.offset - 2);
  return join(mac(outer.destinationMac), mac(outer.sourceMac), tag, be16(etherTypes[family]), header, inner);
}

function ipv4(inner: Uint8Array, { family, tos }: Ip, { source, destination }: Outer): Uint8Array {
  const start = [0x45, tos, ...be16(headerBytes[4] + inner.length), 0, 0, dontFragment, 0, outerTtl, carried[family], 0, 0];
  const header = join(start, wireBytesOf(source), wireBytesOf(destination));
  header.set(be16(checksum(header)), 10);
  return header;
}

function ipv6(inner: Uint8Array, { family, tos }: Ip, { source, destination }: Outer): Uint8Array {
  const start = [0x60 | (tos >> 4), (tos & 15) << 4, 0, 0, ...be16(inner.length), carried[family], outerTtl];
  return join(start, wireBytesOf(source), wireBytesOf(destination));
}

/**
 * Changes one byte of `covered` and its checksum with it: a right checksum is summed anew, a wrong one stays wrong by as much
 * (RFC 1624, equation 3). `pseudo`: sum of what the checksum covers besides.
 */
export function setByte(
  covered: Uint8Array,
  { at, value, checksumAt }: { readonly at: number; readonly value: number; readonly checksumAt: number },
  pseudo = 0,
): void {
  const wasValid = isValid(covered, pseudo);
  const [oldSum, oldWord] = [word(covered, checksumAt), word(covered, at & ~1)];
  covered[at] = value;
  const updated = ~onesSum(be16Bytes(~oldSum, ~oldWord, word(covered, at & ~1)));
  covered.set([0, 0], checksumAt);
  covered.set(be16(wasValid ? checksum(covered, pseudo) : updated), checksumAt);
}

function withoutChecksum(header: Uint8Array): Uint8Array {
  const blank = header.slice();
  blank.set([0, 0], 10);
  return blank;
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function be16(value: number): readonly number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

function be16Bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap(be16));
}

function mac(text: string): Uint8Array {
  return Uint8Array.from(text.split(':').map((byte) => Number.parseInt(byte, 16)));
}

export function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
}
