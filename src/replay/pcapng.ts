// Reads pcapng (draft-ietf-opsawg-pcapng): several sections of either byte order, several interfaces, their time
// resolution and offset; enhanced, simple and obsolete packet blocks. Every other block is skipped, whatever its size.
//
// Interfaces other than Ethernet are fatal only once a packet comes from one: capture tools list all they have.

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
import { blockHeaderBytes, blockTypes, byteOrderMagic, trailerBytes } from './pcapng-format.ts';
import { type InterfaceTime, readInterfaceTime, toNs } from './pcapng-time.ts';

/** A packet block has a packet, a head and options; more is no packet block. */
const maxBlockBytes = maxPacketBytes + 1024 * 1024;

interface Interface {
  readonly linkType: number;
  /** 0: no limit. */
  readonly snapLength: number;
  readonly time: InterfaceTime;
}

/** Undefined when the file is of another format. Throws capture_invalid, later by the iterator, too. */
export function readPcapng(source: ByteSource): Iterator<CapturedPacket> | undefined {
  const start = source.peek(12);
  if (start.length < 4 || start.readUInt32LE(0) !== blockTypes.section) return undefined;
  if (start.length < 12) throw cutOff(source, 'its section header');
  return new PcapngReader(source).packets();
}

class PcapngReader {
  readonly #source: ByteSource;
  #isLittle = true;
  #interfaces: Interface[] = [];
  #packets = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  *packets(): Generator<CapturedPacket> {
    while (!this.#source.atEnd()) {
      const packet = this.#block();
      if (packet !== undefined) yield packet;
    }
  }

  /** Reads one block; the packet in it, if it has one. */
  #block(): CapturedPacket | undefined {
    const header = this.#take(blockHeaderBytes, 'the header of a block');
    const type = this.#u32(header, 0);
    if (type === blockTypes.section) {
      this.#section(header);
      return undefined;
    }
    const length = this.#lengthOf(header);
    if (Object.values<number>(blockTypes).includes(type)) {
      const isPacket = type !== blockTypes.interface;
      if (isPacket) this.#packets++;
      const what = isPacket ? `packet ${this.#packets}` : 'an interface description';
      if (length > maxBlockBytes) throw damaged(this.#source, `${what} claims ${length} bytes`);
      const body = this.#take(length, what);
      this.#trailer(length);
      return this.#known(type, body);
    }
    if (!this.#source.skip(length)) throw cutOff(this.#source, `a block of type ${type}`);
    this.#trailer(length);
    return undefined;
  }

  #known(type: number, body: Buffer): CapturedPacket | undefined {
    switch (type) {
      case blockTypes.enhanced:
        return this.#stamped(body, this.#field(body, 0));
      case blockTypes.packet:
        // The obsolete form: the interface's number, and how many were lost before, in one word.
        this.#field(body, 0);
        return this.#stamped(body, this.#u16(body, 0));
      case blockTypes.simple:
        return this.#simple(body);
      default:
        this.#interface(body);
        return undefined;
    }
  }

  /** A new section forgets the interfaces, and may be of the other byte order. */
  #section(header: Buffer): void {
    const magic = this.#take(4, 'a section header');
    if (magic.readUInt32LE(0) === byteOrderMagic) this.#isLittle = true;
    else if (magic.readUInt32BE(0) === byteOrderMagic) this.#isLittle = false;
    else throw damaged(this.#source, `expected a section's byte-order magic, got ${magic.toString('hex')}`);
    this.#interfaces = [];
    const length = this.#lengthOf(header);
    const version = this.#take(4, 'a section header');
    const major = this.#u16(version, 0);
    if (major !== 1) throw damaged(this.#source, `expected pcapng version 1, got ${major}`);
    if (!this.#source.skip(length - 8)) throw cutOff(this.#source, 'a section header');
    this.#trailer(length);
  }

  #interface(body: Buffer): void {
    const snapLength = this.#field(body, 4);
    this.#interfaces.push({
      linkType: this.#u16(body, 0),
      snapLength,
      time: readInterfaceTime(body.subarray(8), this.#isLittle),
    });
  }

  #stamped(body: Buffer, number: number): CapturedPacket {
    const { time } = this.#ethernet(number);
    const ticks = (BigInt(this.#field(body, 4)) << 32n) | BigInt(this.#field(body, 8));
    const captured = this.#field(body, 12);
    return capturedPacket(this.#data(body, 20, captured), toNs(time, ticks), this.#field(body, 16));
  }

  /** Of the section's first interface, with no time, and as long as that one captures at most. */
  #simple(body: Buffer): CapturedPacket {
    const { snapLength } = this.#ethernet(0);
    const original = this.#field(body, 0);
    const captured = snapLength === 0 ? original : Math.min(original, snapLength);
    return capturedPacket(this.#data(body, 4, captured), null, original);
  }

  #ethernet(number: number): Interface {
    const found = this.#interfaces[number];
    if (found === undefined)
      throw damaged(this.#source, `packet ${this.#packets} is of interface ${number}, which is not described`);
    if (found.linkType === linkTypeEthernet) return found;
    throw notEthernet(this.#source, found.linkType, `at packet ${this.#packets} (interface ${number})`);
  }

  #data(body: Buffer, at: number, captured: number): Uint8Array {
    if (at + captured > body.length) {
      throw damaged(this.#source, `packet ${this.#packets} claims ${captured} bytes in a block that has ${body.length - at}`);
    }
    return body.subarray(at, at + captured);
  }

  /** Bytes of the block's body. */
  #lengthOf(header: Buffer): number {
    const total = this.#u32(header, 4);
    const least = blockHeaderBytes + trailerBytes + (this.#u32(header, 0) === blockTypes.section ? 16 : 0);
    if (total % 4 !== 0 || total < least) throw damaged(this.#source, `a block's length is ${total}`);
    return total - blockHeaderBytes - trailerBytes;
  }

  #trailer(length: number): void {
    const total = this.#u32(this.#take(trailerBytes, 'a block'), 0);
    if (total !== length + blockHeaderBytes + trailerBytes) {
      throw damaged(
        this.#source,
        `a block's lengths differ: ${length + blockHeaderBytes + trailerBytes} before and ${total} behind it`,
      );
    }
  }

  #take(count: number, what: string): Buffer {
    const bytes = this.#source.take(count);
    if (bytes === undefined) throw cutOff(this.#source, what);
    return bytes;
  }

  /** A word of a block's body, which may be too short for it. */
  #field(body: Buffer, at: number): number {
    if (at + 4 > body.length) throw damaged(this.#source, `a block has ${body.length} bytes, too few for its fields`);
    return this.#u32(body, at);
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }

  #u16(bytes: Buffer, at: number): number {
    return this.#isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }
}
