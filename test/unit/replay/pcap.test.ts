import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CapturedPacket } from '../../../src/replay/captured-packet.ts';
import { PcapWriter } from '../../../src/replay/pcap-writer.ts';
import { pcapFile, type Recorded, readNanoPcap, u32 } from '../../support/captures.ts';
import { bytes } from '../../support/ip-packets.ts';
import { udpFrame } from '../../support/packets.ts';
import { readCapture, useDirectory } from './support.ts';

const at = useDirectory();
const frame = udpFrame({ from: '198.51.100.7:40000', to: '203.0.113.10:5000' });
const packets: readonly Recorded[] = [
  { bytes: frame, timeNs: 1_700_000_000_123_456_789n },
  { bytes: frame.subarray(0, 40), timeNs: 1_700_000_001_000_000_000n, originalBytes: frame.length },
  { bytes: new Uint8Array(0), timeNs: 1_700_000_001_999_999_999n },
];
const whole = pcapFile(packets);

/** For frames so large that comparing them byte by byte takes the test runner seconds. */
const digests = (some: readonly CapturedPacket[]): readonly string[] =>
  some.map((each) => `${each.timeNs} ${createHash('sha256').update(each.bytes).digest('hex')}`);

const recorded = fc.array(
  fc.record({
    bytes: fc.uint8Array({ maxLength: 200 }),
    timeNs: fc.bigInt({ min: 0n, max: 0xffff_ffffn * 1_000_000_000n }),
  }),
  { maxLength: 20 },
);

describe('a classic pcap', () => {
  for (const order of ['little', 'big'] as const) {
    for (const resolution of ['us', 'ns'] as const) {
      it(`is read in ${order}-endian order with stamps in ${resolution}`, () => {
        const read = readCapture(at('in.pcap'), pcapFile(packets, { order, resolution }));
        const cut = resolution === 'us' ? 1000n : 1n;
        expect(read).toEqual({
          packets: packets.map((packet) => ({
            bytes: packet.bytes,
            timeNs: (packet.timeNs / cut) * cut,
            ...(packet.originalBytes === undefined ? {} : { isPart: true }),
          })),
          failure: null,
        });
      });
    }
  }

  it('gives back whatever frames were recorded', () => {
    fc.assert(
      fc.property(recorded, (some) => {
        expect(readCapture(at('in.pcap'), pcapFile(some)).packets).toEqual(some);
      }),
    );
  });

  it('gives every whole packet before any place where it is cut off, and says so', () => {
    const ends = [24, ...packets.map((_, i) => pcapFile(packets.slice(0, i + 1)).length)];
    let cases = 0;
    for (let length = 24; length <= whole.length; length++) {
      const { packets: read, failure } = readCapture(at('in.pcap'), whole.subarray(0, length));
      expect(read.length, `cut at ${length}`).toBe(ends.filter((end) => end <= length).length - 1);
      if (ends.includes(length)) expect(failure).toBeNull();
      else expect(failure).toMatch(/is cut off: it ends in the middle of (the header of )?packet \d, behind byte \d+$/);
      cases++;
    }
    expect(cases).toBe(whole.length - 23);
  });

  it('is refused without a whole header, or with another', () => {
    for (let length = 4; length < 24; length++) {
      expect(() => readCapture(at('in.pcap'), whole.subarray(0, length))).toThrowError(/ends in the middle of its header/);
    }
    expect(() => readCapture(at('in.pcap'), new Uint8Array(0))).toThrowError(
      /expected a pcap or pcapng capture, got an empty file/,
    );
    expect(() => readCapture(at('in.pcap'), Uint8Array.of(0x34, 0xcd, 0xb2, 0xa1, 1))).toThrowError(
      /got a file that begins with 34cdb2a1/,
    );
  });

  it('is refused while it is packed, saying what unpacks it', () => {
    const packed = { gzip: '1f8b0800', zstd: '28b52ffd', xz: 'fd377a58', bzip2: '425a6839' };
    for (const [name, start] of Object.entries(packed)) {
      expect(() => readCapture(at('in.pcap'), Buffer.from(`${start}00`, 'hex'))).toThrowError(
        `got a ${name} file; unpack it: ${name} -dc FILE | torii replay - OUT`,
      );
    }
  });

  it('is refused when its packets are not of Ethernet, saying of what they are', () => {
    expect(() => readCapture(at('in.pcap'), pcapFile(packets, { linkType: 113 }))).toThrowError(
      /expected Ethernet \(link type 1\) in its header, got link type 113; capture on one Ethernet device/,
    );
  });

  it('is Ethernet also where the link type tells of frame check sequences', () => {
    expect(readCapture(at('in.pcap'), pcapFile(packets, { linkType: 0x2400_0001 })).packets.length).toBe(3);
  });

  it('ends where a record claims an impossible size', () => {
    const header = bytes(new Uint8Array(8), u32(0x7fff_ffff, 'little'), u32(0x7fff_ffff, 'little'));
    const { packets: read, failure } = readCapture(at('in.pcap'), bytes(whole, header, frame));
    expect(read.length).toBe(3);
    expect(failure).toMatch(/is damaged before byte \d+: packet 4 claims 2147483647 bytes/);
  });

  it('is read whole when it is larger than a chunk, and a packet when it lies across two', () => {
    const many = Array.from({ length: 40 }, (_, i) => ({ bytes: new Uint8Array(60_000).fill(i), timeNs: BigInt(i) }));
    expect(digests(readCapture(at('in.pcap'), pcapFile(many)).packets)).toEqual(digests(many));
  });

  it('is refused when it cannot be opened', () => {
    expect(() => readCapture(at('no/in.pcap'), whole)).toThrow();
  });
});

describe('a written pcap', () => {
  it('holds what was written, to the nanosecond', () => {
    fc.assert(
      fc.property(recorded, (some) => {
        const writer = new PcapWriter(at('out.pcap'));
        expect(some.map((packet) => writer.write(packet.bytes, packet.timeNs))).toEqual(some.map((_, i) => i + 1));
        writer.close();
        expect(readNanoPcap(readFileSync(at('out.pcap')))).toEqual(some);
        expect(readCapture(at('copy.pcap'), readFileSync(at('out.pcap'))).packets).toEqual(some);
      }),
    );
  });

  it('is right however much is written', () => {
    const many = Array.from({ length: 50 }, (_, i) => ({ bytes: new Uint8Array(i * 2500 + 1).fill(i), timeNs: BigInt(i) }));
    const large = { bytes: new Uint8Array(3 * 1024 * 1024).fill(7), timeNs: 0n };
    const writer = new PcapWriter(at('out.pcap'));
    for (const packet of [...many, large, ...many]) writer.write(packet.bytes, packet.timeNs);
    writer.close();
    expect(digests(readNanoPcap(readFileSync(at('out.pcap'))))).toEqual(digests([...many, large, ...many]));
  });

  it('says which file cannot be written', () => {
    expect(() => new PcapWriter(at('absent/out.pcap'))).toThrowError(
      expect.objectContaining({ code: 'output_failed', message: expect.stringContaining('absent/out.pcap cannot be written') }),
    );
  });
});
