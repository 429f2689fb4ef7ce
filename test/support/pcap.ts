// Classic pcap files (draft-ietf-opsawg-pcap) in memory, for tests of replay: written in every form a reader must take, read
// back in the one form that replay writes. Ethernet only. Pure.

export interface CapturedPacket {
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
  /** Length on the wire; that of `bytes` unless the capture cut it short. */
  readonly wireLength?: number;
}

export interface PcapForm {
  readonly isBigEndian?: boolean;
  /** Microseconds, as most programs write, instead of nanoseconds. */
  readonly isMicroseconds?: boolean;
  readonly snapLength?: number;
  readonly linkType?: number;
}

const magic = { microseconds: 0xa1b2c3d4, nanoseconds: 0xa1b23c4d } as const;
const fileHeaderBytes = 24;
const packetHeaderBytes = 16;
const ethernet = 1;
const nsPerSec = 1_000_000_000n;

export function writePcap(packets: readonly CapturedPacket[], form: PcapForm = {}): Uint8Array {
  const { isBigEndian = false, isMicroseconds = false, snapLength = 262_144, linkType = ethernet } = form;
  const total = packets.reduce((sum, { bytes }) => sum + packetHeaderBytes + bytes.length, fileHeaderBytes);
  const file = new Uint8Array(total);
  const view = new DataView(file.buffer);
  const words = (at: number, values: readonly number[]): void => {
    for (const [i, value] of values.entries()) view.setUint32(at + 4 * i, value, !isBigEndian);
  };
  words(0, [isMicroseconds ? magic.microseconds : magic.nanoseconds, 0, 0, 0, snapLength, linkType]);
  view.setUint16(4, 2, !isBigEndian);
  view.setUint16(6, 4, !isBigEndian);
  let at = fileHeaderBytes;
  for (const { timeNs, bytes, wireLength = bytes.length } of packets) {
    const fraction = Number(timeNs % nsPerSec);
    words(at, [Number(timeNs / nsPerSec), isMicroseconds ? Math.floor(fraction / 1000) : fraction, bytes.length, wireLength]);
    file.set(bytes, at + packetHeaderBytes);
    at += packetHeaderBytes + bytes.length;
  }
  return file;
}

/** Reads little-endian nanosecond Ethernet captures; throws on anything else, and on a file that ends inside a packet. */
export function readPcap(file: Uint8Array): readonly CapturedPacket[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const word = (at: number): number => view.getUint32(at, true);
  if (file.length < fileHeaderBytes || word(0) !== magic.nanoseconds || word(20) !== ethernet) {
    throw new Error('expected a little-endian nanosecond pcap file of Ethernet frames');
  }
  const packets: CapturedPacket[] = [];
  for (let at = fileHeaderBytes; at < file.length; ) {
    const length = word(at + 8);
    const start = at + packetHeaderBytes;
    if (start + length > file.length) throw new Error(`the file ends inside packet ${packets.length + 1}`);
    packets.push({
      timeNs: BigInt(word(at)) * nsPerSec + BigInt(word(at + 4)),
      bytes: file.slice(start, start + length),
      wireLength: word(at + 12),
    });
    at = start + length;
  }
  return packets;
}
