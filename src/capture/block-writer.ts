// Blocks of pcapng (draft-ietf-opsawg-pcapng, 3.1 and 3.5) into one growing array of bytes, little-endian on every machine. Pure.

import { byteOrderMagic, optionHeaderBytes } from '../replay/pcapng-format.ts';

const textEncoder = new TextEncoder();
const optionBytesMax = 65_535;

export class BlockWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #used = 0;
  #start = 0;

  constructor(firstBytes = 65_536) {
    this.#bytes = new Uint8Array(firstBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes of whole blocks so far. */
  get used(): number {
    return this.#used;
  }

  /** What was written, as the caller's own; the writer begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#used);
    this.#used = 0;
    return taken;
  }

  begin(type: number): void {
    this.#start = this.#used;
    this.u32(type);
    this.u32(0);
  }

  end(): void {
    const length = this.#used + 4 - this.#start;
    this.u32(length);
    this.#view.setUint32(this.#start + 4, length, true);
  }

  magic(): void {
    this.u32(byteOrderMagic);
  }

  u8(value: number): void {
    this.#room(1);
    this.#view.setUint8(this.#used++, value);
  }

  u16(value: number): void {
    this.#room(2);
    this.#view.setUint16(this.#used, value, true);
    this.#used += 2;
  }

  u32(value: number): void {
    this.#room(4);
    this.#view.setUint32(this.#used, value, true);
    this.#used += 4;
  }

  u64(value: bigint): void {
    this.u32(Number(value & 0xffff_ffffn));
    this.u32(Number(BigInt.asUintN(64, value) >> 32n));
  }

  /** A time as blocks have it: the higher word first. */
  time(ns: bigint): void {
    this.u32(Number(BigInt.asUintN(64, ns) >> 32n));
    this.u32(Number(ns & 0xffff_ffffn));
  }

  /** Filled up to a multiple of four. */
  padded(bytes: Uint8Array): void {
    this.#room(bytes.length + 3);
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
    while (this.#used % 4 !== 0) this.#bytes[this.#used++] = 0;
  }

  /** What is longer than an option can be is cut. */
  option(code: number, value: Uint8Array): void {
    const cut = value.subarray(0, optionBytesMax);
    this.u16(code);
    this.u16(cut.length);
    this.padded(cut);
  }

  text(code: number, value: string): void {
    this.option(code, textEncoder.encode(value));
  }

  number(code: number, value: bigint): void {
    this.u16(code);
    this.u16(8);
    this.u64(value);
  }

  endOptions(): void {
    this.#room(optionHeaderBytes);
    this.u32(0);
  }

  #room(count: number): void {
    if (this.#used + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#used + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
