// A capture file of either format as a sequence of Ethernet frames, in bounded memory.
//
// What is wrong with the file behind its first good packet ends the sequence and is kept in `failure`, so that everything
// before it counts. A file that is merely cut off counts as good so far, even with no whole packet in it.

import { ToriiError } from '../errors.ts';
import { ByteSource } from './byte-source.ts';
import { type CapturedPacket, cutDetail } from './captured-packet.ts';
import { readPcap } from './pcap.ts';
import { readPcapng } from './pcapng.ts';

export class Capture {
  readonly source: ByteSource;
  readonly #packets: Iterator<CapturedPacket>;
  #first: CapturedPacket | undefined;
  #failure: ToriiError | null = null;

  /** Throws capture_invalid when this is no capture, or its first packet is none of Ethernet. */
  constructor(path: string) {
    this.source = new ByteSource(path);
    try {
      this.#packets = packetsOf(this.source);
      this.#first = this.#read();
      if (this.#failure !== null && this.#failure.detail !== cutDetail) throw this.#failure;
    } catch (error) {
      this.source.close();
      throw error;
    }
  }

  /** Why the packets ended before the file did; null when they did not. */
  get failure(): ToriiError | null {
    return this.#failure;
  }

  /** Undefined behind the last. */
  next(): CapturedPacket | undefined {
    if (this.#first === undefined) return this.#read();
    const first = this.#first;
    this.#first = undefined;
    return first;
  }

  close(): void {
    this.source.close();
  }

  #read(): CapturedPacket | undefined {
    try {
      const { done, value } = this.#packets.next();
      return done === true ? undefined : value;
    } catch (error) {
      if (!(error instanceof ToriiError)) throw error;
      this.#failure = error;
      return undefined;
    }
  }
}

function packetsOf(source: ByteSource): Iterator<CapturedPacket> {
  const packets = readPcap(source) ?? readPcapng(source);
  if (packets !== undefined) return packets;
  const got = whatBegins(source.peek(4).toString('hex'));
  throw new ToriiError('capture_invalid', `${source.name}: expected a pcap or pcapng capture, got ${got}`);
}

/** How files begin that captures are often packed into, and what unpacks them to standard output. */
const packings = [
  { start: '1f8b', name: 'gzip', unpack: 'gzip -dc' },
  { start: '28b52ffd', name: 'zstd', unpack: 'zstd -dc' },
  { start: 'fd377a58', name: 'xz', unpack: 'xz -dc' },
  { start: '425a68', name: 'bzip2', unpack: 'bzip2 -dc' },
] as const;

/** `start` is hexadecimal. */
function whatBegins(start: string): string {
  const packing = packings.find((each) => start.startsWith(each.start));
  if (packing !== undefined) return `a ${packing.name} file; unpack it: ${packing.unpack} FILE | torii replay - OUT …`;
  return start === '' ? 'an empty file' : `a file that begins with ${start}`;
}
