// The packets that leave: the outer header put around a forwarded one, and the answer to an echo request.
//
// Everything is built anew from fields, after docs/packet-path.md, "Header rules"; checksums are summed in
// full, except where a wrong one must stay wrong. Pure; arguments are never changed.

import { checksum, isValid, onesSum } from '../support/checksum.ts';
import type { Ipv4 } from './parse.ts';

const answerTtl = 64;
const outerTtl = 64;
const dontFragment = 0x40;
const ipInIp = 4;

export interface OuterHeader {
  readonly source: string;
  readonly destination: string;
  /** "02:00:00:00:00:01" */
  readonly sourceMac: string;
  readonly destinationMac: string;
}

export const outerBytes = 20;

/** IPv4 in IPv4 (RFC 2003), Ethernet padding cut, tag kept. */
export function encapsulate(frame: Uint8Array, ip: Ipv4, outer: OuterHeader): Uint8Array {
  const inner = frame.slice(ip.offset, ip.offset + ip.totalBytes);
  setByte(inner, ip.headerBytes, { at: 8, value: ip.ttl - 1, checksumAt: 10 });
  const header = Uint8Array.from([
    0x45,
    ip.tos,
    ...be16(outerBytes + inner.length),
    0,
    0,
    dontFragment,
    0,
    outerTtl,
    ipInIp,
    0,
    0,
    ...quad(outer.source),
    ...quad(outer.destination),
  ]);
  header.set(be16(checksum(header)), 10);
  const tagAndType = frame.subarray(12, ip.offset);
  return join(mac(outer.destinationMac), mac(outer.sourceMac), tagAndType, header, inner);
}

/** The reply (RFC 792) goes back to the MAC that asked. */
export function answerEcho(frame: Uint8Array, ip: Ipv4): Uint8Array {
  const packet = frame.slice(ip.offset, ip.offset + ip.totalBytes);
  packet.set(quad(ip.destination), 12);
  packet.set(quad(ip.source), 16);
  setByte(packet, ip.headerBytes, { at: 8, value: answerTtl, checksumAt: 10 });
  const message = packet.subarray(ip.headerBytes);
  setByte(message, message.length, { at: 0, value: 0, checksumAt: 2 });
  return join(frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12, ip.offset), packet);
}

/**
 * Changes one byte among the first `covered` ones and their checksum with it: a right checksum is summed anew, a wrong one
 * stays wrong by as much (RFC 1624, equation 3).
 */
function setByte(
  bytes: Uint8Array,
  covered: number,
  { at, value, checksumAt }: { readonly at: number; readonly value: number; readonly checksumAt: number },
): void {
  const whole = bytes.subarray(0, covered);
  const wasValid = isValid(whole);
  const [oldSum, oldWord] = [word(bytes, checksumAt), word(bytes, at & ~1)];
  bytes[at] = value;
  const updated = ~onesSum(Uint8Array.from([...be16(~oldSum), ...be16(~oldWord), ...be16(word(bytes, at & ~1))]));
  bytes.set([0, 0], checksumAt);
  bytes.set(be16(wasValid ? checksum(whole) : updated), checksumAt);
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function be16(value: number): readonly number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

function quad(address: string): readonly number[] {
  return address.split('.').map(Number);
}

function mac(text: string): Uint8Array {
  return Uint8Array.from(text.split(':').map((byte) => Number.parseInt(byte, 16)));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
