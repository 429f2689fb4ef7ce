// Reads classic pcap (draft-ietf-opsawg-pcap): either byte order, microseconds or nanoseconds. Version and snapshot length
// are not looked at: every writer since 1998 says 2.4, and records say their own length.

import type { ByteSource } from './byte-source.ts';
import {
  type CapturedPacket,
  capturedPacket,
  cutOff,
  damaged,
  linkTypeEthernet,
  maxPacketBytes,
  notEthernet,
} from './captured-packet.ts';

export const pcapHeaderBytes = 24;
export const recordHeaderBytes = 16;
const linkTypeAt = 20;
/** The upper half of the word tells of frame check sequences, which lie behind the IP packet and are cut with padding. */
const linkTypeMask = 0xffff;

interface Variant {
  readonly u32: (bytes: Buffer, at: number) => number;
  readonly nsPerTick: bigint;
}

const little = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at);
const big = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at);

/** By the file's first four bytes. */
const variants: ReadonlyMap<string, Variant> = new Map([
  ['d4c3b2a1', { u32: little, nsPerTick: 1000n }],
  ['4d3cb2a1', { u32: little, nsPerTick: 1n }],
  ['a1b2c3d4', { u32: big, nsPerTick: 1000n }],
  ['a1b23c4d', { u32: big, nsPerTick: 1n }],
]);

/** Undefined when the file is of another format. Throws capture_invalid, later by the iterator, too. */
export function readPcap(source: ByteSource): Iterator<CapturedPacket> | undefined {
  const variant = variants.get(source.peek(4).toString('hex'));
  if (variant === undefined) return undefined;
  const header = source.take(pcapHeaderBytes);
  if (header === undefined) throw cutOff(source, 'its header');
  const linkType = variant.u32(header, linkTypeAt) & linkTypeMask;
  if (linkType !== linkTypeEthernet) throw notEthernet(source, linkType, 'in its header');
  return records(source, variant);
}

function* records(source: ByteSource, { u32, nsPerTick }: Variant): Generator<CapturedPacket> {
  for (let number = 1; !source.atEnd(); number++) {
    const header = source.take(recordHeaderBytes);
    if (header === undefined) throw cutOff(source, `the header of packet ${number}`);
    const captured = u32(header, 8);
    if (captured > maxPacketBytes) throw damaged(source, `packet ${number} claims ${captured} bytes`);
    const bytes = source.take(captured);
    if (bytes === undefined) throw cutOff(source, `packet ${number}`);
    const timeNs = BigInt(u32(header, 0)) * 1_000_000_000n + BigInt(u32(header, 4)) * nsPerTick;
    yield capturedPacket(bytes, timeNs, u32(header, 12));
  }
}
