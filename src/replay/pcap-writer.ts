// Writes classic pcap with nanosecond time stamps, little-endian on every machine, so that equal runs give equal bytes.
//
// Seconds are 32 bits in this format; of a time outside them the low 32 bits are kept. Synchronous and buffered.

import { closeSync, openSync, writeSync } from 'node:fs';
import { messageOf, ToriiError } from '../errors.ts';
import { linkTypeEthernet } from './captured-packet.ts';
import { pcapHeaderBytes, recordHeaderBytes } from './pcap.ts';

const magicNanoseconds = 0xa1b23c4d;
const snapLength = 262_144;
const bufferBytes = 1024 * 1024;
const nsPerSec = 1_000_000_000n;

export class PcapWriter {
  readonly #path: string;
  readonly #fd: number;
  #buffer = Buffer.alloc(bufferBytes);
  #used = 0;
  #packets = 0;

  /** Empties a file that is there. Throws output_failed, as every method does. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = this.#trying(() => openSync(path, 'w'));
    const header = this.#room(pcapHeaderBytes);
    header.writeUInt32LE(magicNanoseconds, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(snapLength, 16);
    header.writeUInt32LE(linkTypeEthernet, 20);
  }

  get packets(): number {
    return this.#packets;
  }

  /** `timeNs` is since 1970. Returns the packet's number, from 1. */
  write(bytes: Uint8Array, timeNs: bigint): number {
    const record = this.#room(recordHeaderBytes + bytes.length);
    record.writeUInt32LE(Number(BigInt.asUintN(32, floorSeconds(timeNs))), 0);
    record.writeUInt32LE(Number(timeNs - floorSeconds(timeNs) * nsPerSec), 4);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    record.set(bytes, recordHeaderBytes);
    return ++this.#packets;
  }

  close(): void {
    this.#flush();
    this.#trying(() => closeSync(this.#fd));
  }

  /** The next `count` bytes of the file, to be written at once. Zeroed where never used before. */
  #room(count: number): Buffer {
    if (this.#used + count > this.#buffer.length) this.#flush();
    if (count > this.#buffer.length) this.#buffer = Buffer.alloc(count);
    this.#used += count;
    return this.#buffer.subarray(this.#used - count, this.#used);
  }

  #flush(): void {
    for (let at = 0; at < this.#used; ) at += this.#trying(() => writeSync(this.#fd, this.#buffer, at, this.#used - at));
    this.#used = 0;
  }

  #trying<T>(step: () => T): T {
    try {
      return step();
    } catch (cause) {
      throw new ToriiError('output_failed', `${this.#path} cannot be written: ${messageOf(cause)}`, { cause });
    }
  }
}

/** Also for times before 1970, where BigInt division rounds up. */
function floorSeconds(timeNs: bigint): bigint {
  const seconds = timeNs / nsPerSec;
  return seconds * nsPerSec > timeNs ? seconds - 1n : seconds;
}
