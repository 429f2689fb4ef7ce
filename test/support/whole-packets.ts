// Judges frames as a strict receiver would: every length and every checksum of every header, from the outermost to the innermost.
// Written from the RFCs (791, 8200, 9293, 768), for captures of what a balancer sends. Pure.

import { isValid } from './checksum.ts';
import { protocols } from './ip-packets.ts';

const ethernetBytes = 14;
const tagBytes = 4;

interface Layer {
  readonly protocol: number;
  readonly payload: Uint8Array;
  /** What the pseudo-header adds to an L4 checksum. */
  readonly pseudo: number;
}

/** What is wrong with a frame of IP, a tunnel or not; null: nothing. `mtu` is the largest outermost IP packet that may be. */
export function faultOf(frame: Uint8Array, mtu: number): string | null {
  const isTagged = word(frame, 12) === 0x8100;
  const start = ethernetBytes + (isTagged ? tagBytes : 0);
  const type = word(frame, start - 2);
  if (type !== 0x0800 && type !== 0x86dd) return null;
  const packet = frame.subarray(start);
  if (packet.length > mtu) return `${packet.length} bytes of IP, more than ${mtu}`;
  return ipFault(packet, type === 0x0800 ? 4 : 6);
}

function ipFault(packet: Uint8Array, version: number): string | null {
  if ((packet[0] ?? 0) >> 4 !== version) return `IP version ${(packet[0] ?? 0) >> 4} where ${version} should be`;
  const layer = version === 4 ? ipv4Layer(packet) : ipv6Layer(packet);
  if (typeof layer === 'string') return layer;
  switch (layer.protocol) {
    case protocols.ipip:
      return ipFault(layer.payload, 4);
    case protocols.ipv6:
      return ipFault(layer.payload, 6);
    case protocols.tcp:
      return layer.payload.length < 20 || (layer.payload[12] ?? 0) >> 4 < 5 ? 'TCP header cut short' : l4Fault('TCP', layer);
    case protocols.udp:
      return udpFault(layer);
    default:
      return null;
  }
}

function ipv4Layer(packet: Uint8Array): Layer | string {
  const headerBytes = ((packet[0] ?? 0) & 15) * 4;
  const total = word(packet, 2);
  if (headerBytes < 20 || total < headerBytes) return `IPv4 header of ${headerBytes} bytes in a packet of ${total}`;
  if (!isEndOf(packet, total)) return `IPv4 total length ${total} of ${packet.length} bytes`;
  if (!isValid(packet.subarray(0, headerBytes))) return 'IPv4 header checksum';
  const payload = packet.subarray(headerBytes, total);
  const protocol = packet[9] ?? 0;
  return { protocol, payload, pseudo: sum(packet.subarray(12, 20)) + protocol + payload.length };
}

function ipv6Layer(packet: Uint8Array): Layer | string {
  const length = word(packet, 4);
  if (!isEndOf(packet, 40 + length)) return `IPv6 payload length ${length} of ${packet.length - 40} bytes`;
  const payload = packet.subarray(40, 40 + length);
  const protocol = packet[6] ?? 0;
  return { protocol, payload, pseudo: sum(packet.subarray(8, 40)) + protocol + payload.length };
}

/** Ethernet pads to 60 bytes, and nothing longer. */
function isEndOf(packet: Uint8Array, length: number): boolean {
  return length === packet.length || (length < packet.length && packet.length <= 60 - ethernetBytes);
}

function udpFault(layer: Layer): string | null {
  const length = word(layer.payload, 4);
  if (length !== layer.payload.length) return `UDP length ${length} of ${layer.payload.length} bytes`;
  return word(layer.payload, 6) === 0 ? 'UDP without a checksum' : l4Fault('UDP', layer);
}

function l4Fault(name: string, { payload, pseudo }: Layer): string | null {
  return isValid(payload, pseudo) ? null : `${name} checksum`;
}

function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += word(bytes, at);
  return total;
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
