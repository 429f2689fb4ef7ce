// A growing pcapng in whole blocks: holds back what is not complete yet, counts packets, keeps the latest statistics. Pure.
//
// So that a capture that is interrupted is a good file all the same, and its end can be told in numbers.

import { blockHeaderBytes, blockTypes, optionHeaderBytes } from '../replay/pcapng-format.ts';

const statisticsType = 5;
const commentCode = 1;
const receivedCode = 4;
const acceptedCode = 6;
/** Behind type and length: number of the interface, time. */
const statisticsHeadBytes = 12;
/** Behind them: number of the interface, time, two lengths. */
const packetHeadBytes = 20;

export interface CaptureTotals {
  /** Packets of all devices meanwhile, and those that were asked for. */
  readonly received: number;
  readonly matched: number;
  /** Refused by the rate; missed because the node's rings were full. */
  readonly limited: number;
  readonly missed: number;
  /** Null before the end. */
  readonly end: string | null;
}

export class CaptureStream {
  #rest = Buffer.alloc(0);
  readonly #totals = new Map<number, CaptureTotals>();
  #frames = 0;
  #packets = 0;
  #last: string | null = null;
  #bytes = 0;

  /** Of whole blocks. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Blocks of packets. */
  get frames(): number {
    return this.#frames;
  }

  /** Packets that came in, with or without what left of them. */
  get packets(): number {
    return this.#packets;
  }

  get totals(): CaptureTotals {
    const sum = (of: (each: CaptureTotals) => number): number =>
      [...this.#totals.values()].reduce((total, each) => total + of(each), 0);
    return {
      received: sum(({ received }) => received),
      matched: sum(({ matched }) => matched),
      limited: sum(({ limited }) => limited),
      missed: sum(({ missed }) => missed),
      end: this.#last,
    };
  }

  /** The whole blocks that are there now, in order with those before. */
  add(bytes: Uint8Array): Buffer {
    const all = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (at + blockHeaderBytes <= all.length) {
      const length = Math.max(blockHeaderBytes, all.readUInt32LE(at + 4));
      if (at + length > all.length) break;
      this.#look(all.subarray(at, at + length));
      at += length;
    }
    this.#rest = all.subarray(at);
    this.#bytes += at;
    return all.subarray(0, at);
  }

  #look(block: Buffer): void {
    const type = block.readUInt32LE(0);
    if (type === blockTypes.enhanced) {
      this.#frames++;
      if (!isOutput(block)) this.#packets++;
    } else if (type === statisticsType) this.#statistics(block);
  }

  #statistics(block: Buffer): void {
    const options = optionsOf(block.subarray(blockHeaderBytes + statisticsHeadBytes));
    const number = (code: number): number => Number(options.get(code)?.readBigUInt64LE(0) ?? 0n);
    const comment = options.get(commentCode)?.toString() ?? '';
    const word = (key: string): string | null => new RegExp(`(?:^| )${key}=(\\S+)`).exec(comment)?.[1] ?? null;
    const totals = {
      received: number(receivedCode),
      matched: number(acceptedCode),
      limited: Number(word('limited') ?? 0),
      missed: Number(word('missed') ?? 0),
      end: word('end'),
    };
    this.#last = totals.end;
    this.#totals.set(block.readUInt32LE(blockHeaderBytes), totals);
  }
}

const flagsCode = 2;
const outbound = 2;

function isOutput(block: Buffer): boolean {
  const kept = block.readUInt32LE(blockHeaderBytes + 12);
  const options = optionsOf(block.subarray(blockHeaderBytes + packetHeadBytes + Math.ceil(kept / 4) * 4));
  return ((options.get(flagsCode)?.readUInt32LE(0) ?? 0) & 3) === outbound;
}

function optionsOf(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 0; at + optionHeaderBytes <= bytes.length; ) {
    const code = bytes.readUInt16LE(at);
    const length = bytes.readUInt16LE(at + 2);
    const value = at + optionHeaderBytes;
    if (code === 0) break;
    options.set(code, bytes.subarray(value, value + length));
    at = value + Math.ceil(length / 4) * 4;
  }
  return options;
}
