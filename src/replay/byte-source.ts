// A file as a stream of bytes for capture readers: read in chunks, looked at without copying, never held whole.
//
// Synchronous: a replay has nothing else to do meanwhile, and a call per packet would cost more than the packet. What is
// returned stays valid, since a chunk is never written again.

import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { messageOf, ToriiError } from '../errors.ts';

const chunkBytes = 1024 * 1024;
const standardInput = { path: '-', name: 'standard input', fd: 0 } as const;
/** Between two looks at a pipe that would not wait. */
const pollMs = 20;

export class ByteSource {
  /** Path as it was given, or what "-" stands for; for messages. */
  readonly name: string;
  readonly #fd: number;
  #chunk = Buffer.alloc(0);
  #at = 0;
  #chunkOffset = 0;

  /** "-" is standard input. Throws capture_invalid when the file cannot be opened. */
  constructor(path: string) {
    this.name = path === standardInput.path ? standardInput.name : path;
    try {
      this.#fd = path === standardInput.path ? standardInput.fd : openSync(path, 'r');
    } catch (cause) {
      throw new ToriiError('capture_invalid', `expected a readable capture at ${path}: ${messageOf(cause)}`, { cause });
    }
  }

  get stats(): Stats {
    return fstatSync(this.#fd);
  }

  /** Bytes before the next one. */
  get offset(): number {
    return this.#chunkOffset + this.#at;
  }

  atEnd(): boolean {
    return this.#available(1) === 0;
  }

  /** The next bytes, fewer than `count` at the end of the file. They are not consumed. */
  peek(count: number): Buffer {
    const available = this.#available(count);
    return this.#chunk.subarray(this.#at, this.#at + Math.min(count, available));
  }

  /** The next `count` bytes, or undefined when fewer are left. */
  take(count: number): Buffer | undefined {
    if (this.#available(count) < count) return undefined;
    this.#at += count;
    return this.#chunk.subarray(this.#at - count, this.#at);
  }

  /** Consumes `count` bytes without keeping them; false when fewer are left. */
  skip(count: number): boolean {
    let left = count;
    while (left > 0) {
      const step = Math.min(left, this.#available(1));
      if (step === 0) return false;
      this.#at += step;
      left -= step;
    }
    return true;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** How many bytes lie ready, after reading on where they are fewer than `wanted`. */
  #available(wanted: number): number {
    const ready = this.#chunk.length - this.#at;
    return ready >= wanted ? ready : this.#refill(wanted);
  }

  #refill(wanted: number): number {
    const rest = this.#chunk.subarray(this.#at);
    const chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, wanted));
    rest.copy(chunk);
    let filled = rest.length;
    while (filled < wanted) {
      const read = this.#read(chunk, filled);
      if (read === 0) break;
      filled += read;
    }
    this.#chunkOffset += this.#at;
    this.#at = 0;
    this.#chunk = chunk.subarray(0, filled);
    return filled;
  }

  #read(into: Buffer, from: number): number {
    try {
      for (;;) {
        const read = readIfReady(this.#fd, into, from);
        if (read !== undefined) return read;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pollMs);
      }
    } catch (cause) {
      throw new ToriiError('capture_invalid', `${this.name} cannot be read: ${messageOf(cause)}`, { cause });
    }
  }
}

/** Undefined where a pipe has nothing yet, and whoever made it wants no reader to wait in it. */
function readIfReady(fd: number, into: Buffer, from: number): number | undefined {
  try {
    return readSync(fd, into, from, into.length - from, null);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return undefined;
    throw error;
  }
}
