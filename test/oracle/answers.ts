// What the balancer says itself: echo replies, "too big" and time exceeded, after docs/packet-path.md, "ICMP to a VIP" and "MTU".
//
// RFC 792, RFC 4443; quotes are as long as RFC 1812 4.3.2.3 and RFC 4443 2.4 allow. Pure; arguments are never changed.

import { wireBytesOf } from '../support/addresses.ts';
import { checksum, onesSum } from '../support/checksum.ts';
import { headerBytes, type Ip } from './ip.ts';
import { protocols } from './parse.ts';
import { be16, join, setByte } from './rewrite.ts';

const answerTtl = 64;
const dontFragment = 0x40;
const icmpBytes = 8;
const longest = { 4: 576, 6: 1280 } as const;
export const echoTypes = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;

/** The reply goes back to the MAC that asked. `at`: where the message starts in the packet. */
export function answerEcho(frame: Uint8Array, ip: Ip, at: number): Uint8Array {
  const packet = frame.slice(ip.offset, ip.offset + ip.totalBytes);
  const addresses = ip.family === 4 ? 12 : 8;
  packet.set(join(wireBytesOf(ip.destination), wireBytesOf(ip.source)), addresses);
  if (ip.family === 4) setByte(packet.subarray(0, ip.headerBytes), { at: 8, value: answerTtl, checksumAt: 10 });
  else packet[7] = answerTtl;
  const message = packet.subarray(at);
  const { reply } = echoTypes[ip.family];
  setByte(message, { at: 0, value: reply, checksumAt: 2 }, pseudoSum(ip, ip.source, ip.destination, message.length));
  return join(ethernetBack(frame, ip), packet);
}

export interface ErrorMessage {
  readonly type: number;
  readonly code: number;
  /** Bytes 4 to 7: unused, or the MTU in the last ones. */
  readonly rest: number;
  readonly from: string;
}

export function tooBig({ family, destination }: Ip, mtu: number): ErrorMessage {
  return family === 4 ? { type: 3, code: 4, rest: mtu, from: destination } : { type: 2, code: 0, rest: mtu, from: destination };
}

export function timeExceeded({ family }: Ip, from: string): ErrorMessage {
  return { type: family === 4 ? 11 : 3, code: 0, rest: 0, from };
}

/** The error about this packet, to its sender. It is quoted as it came. */
export function answerError(frame: Uint8Array, ip: Ip, { type, code, rest, from }: ErrorMessage): Uint8Array {
  const most = longest[ip.family] - headerBytes[ip.family] - icmpBytes;
  const quote = frame.subarray(ip.offset, ip.offset + Math.min(ip.totalBytes, most));
  const message = join([type, code, 0, 0], be16(rest >>> 16), be16(rest), quote);
  message.set(be16(checksum(message, pseudoSum(ip, from, ip.source, message.length))), 2);
  return join(ethernetBack(frame, ip), header(ip, from, message.length), message);
}

function header({ family, source }: Ip, from: string, length: number): Uint8Array {
  if (family === 6)
    return join([0x60, 0, 0, 0], be16(length), [protocols.icmpv6, answerTtl], wireBytesOf(from), wireBytesOf(source));
  const total = be16(headerBytes[4] + length);
  const start = [0x45, 0, ...total, 0, 0, dontFragment, 0, answerTtl, protocols.icmp, 0, 0];
  const built = join(start, wireBytesOf(from), wireBytesOf(source));
  built.set(be16(checksum(built)), 10);
  return built;
}

/** Nothing goes to a source that names no single host (RFC 1122 3.2.1.3 and 3.2.2, RFC 4443 2.4). */
export function mayBeTold({ family, source }: Ip): boolean {
  const bytes = wireBytesOf(source);
  if (family === 6) return bytes[0] !== 0xff && source !== '::' && source !== '::1';
  const [first = 0] = bytes;
  return source !== '0.0.0.0' && source !== '255.255.255.255' && first !== 127 && (first < 224 || first > 239);
}

/** From the MAC that the packet was sent to, to its sender; the tag is kept. */
function ethernetBack(frame: Uint8Array, ip: Ip): Uint8Array {
  return join(frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12, ip.offset));
}

/** RFC 8200 8.1; nothing for IPv4. */
function pseudoSum({ family }: Ip, source: string, destination: string, length: number): number {
  if (family === 4) return 0;
  return onesSum(
    join(wireBytesOf(source), wireBytesOf(destination), be16(length >>> 16), be16(length), [0, 0, 0, protocols.icmpv6]),
  );
}
