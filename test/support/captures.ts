// Captures for tests, in every form that a capture tool writes: classic pcap in either byte order and resolution, pcapng
// block by block. And a plain reader of the one form that torii writes. Pure.

import { bytes } from './ip-packets.ts';

export interface Recorded {
  readonly bytes: Uint8Array;
  /** Since 1970. */
  readonly timeNs: bigint;
  /** On the wire; by default as many as were captured. */
  readonly originalBytes?: number;
}

export type ByteOrder = 'little' | 'big';

const nsPerSec = 1_000_000_000n;

export function u32(value: number, order: ByteOrder): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, order === 'little');
  return out;
}

export function u16(value: number, order: ByteOrder): Uint8Array {
  const out = new Uint8Array(2);
  new DataView(out.buffer).setUint16(0, value, order === 'little');
  return out;
}

export interface PcapForm {
  readonly order?: ByteOrder;
  readonly resolution?: 'us' | 'ns';
  readonly linkType?: number;
}

export function pcapFile(packets: readonly Recorded[], form: PcapForm = {}): Uint8Array {
  const { order = 'little', resolution = 'ns', linkType = 1 } = form;
  const magic = resolution === 'ns' ? 0xa1b23c4d : 0xa1b2c3d4;
  const header = [u32(magic, order), u16(2, order), u16(4, order), new Uint8Array(8), u32(65_535, order), u32(linkType, order)];
  const records = packets.map(({ bytes: frame, timeNs, originalBytes = frame.length }) => {
    const fraction = Number(timeNs % nsPerSec);
    return bytes(
      u32(Number(timeNs / nsPerSec), order),
      u32(resolution === 'ns' ? fraction : Math.floor(fraction / 1000), order),
      u32(frame.length, order),
      u32(originalBytes, order),
      frame,
    );
  });
  return bytes(...header, ...records);
}

/** What `torii replay` writes; throws on any other form and on a record that is cut off. */
export function readNanoPcap(file: Uint8Array): readonly Recorded[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const header = [0, 4, 16, 20].map((at) => view.getUint32(at, true));
  if (header.join() !== [0xa1b23c4d, 0x0004_0002, 262_144, 1].join()) throw new Error(`unexpected pcap header ${header.join()}`);
  const packets: Recorded[] = [];
  for (let at = 24; at < file.length; ) {
    const [seconds, fraction, captured, original] = [0, 4, 8, 12].map((offset) => view.getUint32(at + offset, true));
    if (captured !== original || captured === undefined) throw new Error('a packet of OUT is not whole');
    if (at + 16 + captured > file.length) throw new Error('OUT is cut off');
    const timeNs = BigInt(seconds ?? 0) * nsPerSec + BigInt(fraction ?? 0);
    packets.push({ bytes: Uint8Array.from(file.subarray(at + 16, at + 16 + captured)), timeNs });
    at += 16 + captured;
  }
  return packets;
}

export interface PcapngOption {
  readonly code: number;
  readonly value: Uint8Array;
}

function padded(value: Uint8Array): Uint8Array {
  return bytes(value, new Uint8Array((4 - (value.length % 4)) % 4));
}

/** The blocks of pcapng in one byte order. */
export class Pcapng {
  readonly order: ByteOrder;

  constructor(order: ByteOrder) {
    this.order = order;
  }

  block(type: number, body: Uint8Array): Uint8Array {
    const whole = padded(body);
    const length = u32(whole.length + 12, this.order);
    return bytes(u32(type, this.order), length, whole, length);
  }

  section(options: readonly PcapngOption[] = []): Uint8Array {
    const version = [u16(1, this.order), u16(0, this.order)];
    const unknownLength = new Uint8Array(8).fill(0xff);
    return this.block(0x0a0d0d0a, bytes(u32(0x1a2b3c4d, this.order), ...version, unknownLength, this.#options(options)));
  }

  interface(options: readonly PcapngOption[] = [], { linkType = 1, snapLength = 0 } = {}): Uint8Array {
    const head = [u16(linkType, this.order), u16(0, this.order), u32(snapLength, this.order)];
    return this.block(1, bytes(...head, this.#options(options)));
  }

  enhanced(number: number, ticks: bigint, frame: Uint8Array, options: readonly PcapngOption[] = []): Uint8Array {
    const sizes = [u32(frame.length, this.order), u32(frame.length, this.order)];
    return this.block(6, bytes(u32(number, this.order), this.#ticks(ticks), ...sizes, padded(frame), this.#options(options)));
  }

  simple(originalBytes: number, captured: Uint8Array): Uint8Array {
    return this.block(3, bytes(u32(originalBytes, this.order), captured));
  }

  /** The packet block of before 2004. */
  obsolete(number: number, ticks: bigint, frame: Uint8Array): Uint8Array {
    const sizes = [u32(frame.length, this.order), u32(frame.length, this.order)];
    return this.block(2, bytes(u16(number, this.order), u16(7, this.order), this.#ticks(ticks), ...sizes, frame));
  }

  /** if_tsresol. */
  resolution(byte: number): PcapngOption {
    return { code: 9, value: Uint8Array.of(byte) };
  }

  /** if_tsoffset. */
  offset(seconds: bigint): PcapngOption {
    const value = new Uint8Array(8);
    new DataView(value.buffer).setBigInt64(0, seconds, this.order === 'little');
    return { code: 14, value };
  }

  #ticks(ticks: bigint): Uint8Array {
    return bytes(u32(Number(ticks >> 32n), this.order), u32(Number(ticks & 0xffffffffn), this.order));
  }

  #options(options: readonly PcapngOption[]): Uint8Array {
    if (options.length === 0) return new Uint8Array(0);
    const all = options.map(({ code, value }) => bytes(u16(code, this.order), u16(value.length, this.order), padded(value)));
    return bytes(...all, new Uint8Array(4));
  }
}
