import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pcapng } from '../../support/captures.ts';
import { bytes } from '../../support/ip-packets.ts';
import { udpFrame } from '../../support/packets.ts';
import { readCapture, useDirectory } from './support.ts';

const at = useDirectory();
const frame = udpFrame({ from: '198.51.100.7:40000', to: '203.0.113.10:5000' });
const little = new Pcapng('little');
const big = new Pcapng('big');
const read = (...blocks: readonly Uint8Array[]) => readCapture(at('in.pcapng'), bytes(...blocks));
const times = (...blocks: readonly Uint8Array[]) => {
  const { packets, failure } = read(...blocks);
  expect(failure).toBeNull();
  return packets.map(({ timeNs }) => timeNs);
};

describe('a pcapng', () => {
  it('is read in either byte order', () => {
    for (const ng of [little, big]) {
      const file = [
        ng.section(),
        ng.interface(),
        ng.enhanced(0, 1_700_000_000_123_456n, frame),
        ng.enhanced(0, 5n, frame.subarray(0, 33)),
      ];
      expect(read(...file)).toEqual({
        packets: [
          { bytes: frame, timeNs: 1_700_000_000_123_456_000n },
          { bytes: frame.subarray(0, 33), timeNs: 5000n },
        ],
        failure: null,
      });
    }
  });

  it('keeps the time of each interface: its resolution in powers of ten or two, and its offset', () => {
    const cases: readonly (readonly [number | null, bigint | null, bigint, bigint])[] = [
      [null, null, 7n, 7000n],
      [6, null, 7n, 7000n],
      [9, null, 1_700_000_000_123_456_789n, 1_700_000_000_123_456_789n],
      [0, null, 7n, 7_000_000_000n],
      [3, null, 1500n, 1_500_000_000n],
      [12, null, 1999n, 1n],
      [0x80 | 1, null, 3n, 1_500_000_000n],
      [0x80 | 10, null, 1024n, 1_000_000_000n],
      [0x80 | 32, null, (5n << 32n) | 0x8000_0000n, 5_500_000_000n],
      [null, 1000n, 1n, 1_000_000_001_000n],
      [9, -2n, 5_000_000_000n, 3_000_000_000n],
    ];
    for (const ng of [little, big]) {
      const interfaces = cases.map(([resolution, offset]) =>
        ng.interface([
          { code: 2, value: new TextEncoder().encode('eth0') },
          ...(resolution === null ? [] : [ng.resolution(resolution)]),
          ...(offset === null ? [] : [ng.offset(offset)]),
        ]),
      );
      const packets = cases.map(([, , ticks], i) => ng.enhanced(i, ticks, frame));
      expect(times(ng.section(), ...interfaces, ...packets)).toEqual(cases.map(([, , , timeNs]) => timeNs));
    }
  });

  it('may have several sections, each with its own byte order and interfaces', () => {
    const first = [little.section(), little.interface([little.resolution(9)]), little.enhanced(0, 1n, frame)];
    const second = [
      big.section(),
      big.interface([big.resolution(3)]),
      big.interface(),
      big.enhanced(0, 1n, frame),
      big.enhanced(1, 1n, frame),
    ];
    expect(times(...first, ...second, ...first)).toEqual([1n, 1_000_000n, 1000n, 1n]);
  });

  it('may have simple packets, which have no time and are as long as their interface captures', () => {
    const simple = [little.simple(frame.length, frame), little.simple(1500, frame)];
    expect(read(little.section(), little.interface([], { snapLength: frame.length }), ...simple)).toEqual({
      packets: [
        { bytes: frame, timeNs: null },
        { bytes: frame, timeNs: null, isPart: true },
      ],
      failure: null,
    });
  });

  it('may have packets of the obsolete block', () => {
    expect(times(big.section(), big.interface(), big.interface([big.resolution(9)]), big.obsolete(1, 9n, frame))).toEqual([9n]);
  });

  it('may have options behind a packet, and blocks of every other kind anywhere', () => {
    const comment = [{ code: 1, value: new TextEncoder().encode('odd one') }];
    const others = [4, 5, 9, 0x0bad, 0x4000_0bad].map((type) => little.block(type, new Uint8Array(1 + (type % 97))));
    const large = little.block(0x4000_0bad, new Uint8Array(20 * 1024 * 1024));
    const file = [
      little.section(comment),
      ...others,
      little.interface(),
      large,
      little.enhanced(0, 1n, frame, comment),
      ...others,
    ];
    expect(times(...file)).toEqual([1000n]);
  });

  it('gives back whatever frames were recorded', () => {
    const recorded = fc.array(
      fc.record({ bytes: fc.uint8Array({ maxLength: 99 }), timeNs: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) }),
    );
    fc.assert(
      fc.property(recorded, fc.boolean(), (some, isLittle) => {
        const ng = isLittle ? little : big;
        const packets = some.map((each) => ng.enhanced(0, each.timeNs, each.bytes));
        expect(read(ng.section(), ng.interface([ng.resolution(9)]), ...packets).packets).toEqual(some);
      }),
    );
  });

  it('gives every whole packet before any place where it is cut off, and says so', () => {
    const blocks = [
      little.section(),
      little.interface(),
      little.enhanced(0, 1n, frame),
      little.block(5, new Uint8Array(8)),
      little.enhanced(0, 2n, frame),
    ];
    const file = bytes(...blocks);
    const ends = blocks.map((_, i) => bytes(...blocks.slice(0, i + 1)).length);
    for (let length = ends[0] ?? 0; length <= file.length; length++) {
      const { packets, failure } = read(file.subarray(0, length));
      expect(packets.length, `cut at ${length}`).toBe([ends[2], ends[4]].filter((end) => (end ?? 0) <= length).length);
      if (ends.includes(length)) expect(failure).toBeNull();
      else expect(failure).toContain('is cut off: it ends in the middle of');
    }
  });

  it('is refused when its first packet is not of Ethernet; later ones end it', () => {
    const cooked = [little.section(), little.interface(), little.interface([], { linkType: 113 })];
    expect(() => read(...cooked, little.enhanced(1, 1n, frame))).toThrowError(/at packet 1 \(interface 1\), got link type 113/);
    const { packets, failure } = read(...cooked, little.enhanced(0, 1n, frame), little.enhanced(1, 1n, frame));
    expect(packets.length).toBe(1);
    expect(failure).toMatch(/expected Ethernet \(link type 1\) at packet 2 \(interface 1\)/);
    expect(read(...cooked).failure).toBeNull();
  });

  it('ends where it is damaged, saying how', () => {
    const start = [little.section(), little.interface(), little.enhanced(0, 1n, frame)];
    const packet = little.enhanced(0, 2n, frame);
    const changed = (offset: number, value: number): Uint8Array => {
      const copy = Uint8Array.from(packet);
      new DataView(copy.buffer).setUint32(offset, value, true);
      return copy;
    };
    const cases: readonly (readonly [Uint8Array, string])[] = [
      [little.enhanced(3, 2n, frame), 'interface 3, which is not described'],
      [changed(4, packet.length + 1), `a block's length is ${packet.length + 1}`],
      [changed(4, 8), "a block's length is 8"],
      [changed(packet.length - 4, 4), "a block's lengths differ"],
      [changed(20, 5000), 'packet 2 claims 5000 bytes in a block that has'],
      [changed(4, 0x7fff_fffc), 'packet 2 claims'],
      [little.block(6, new Uint8Array(8)), 'too few for its fields'],
      [little.block(3, new Uint8Array(0)), 'too few for its fields'],
      [bytes(little.section().subarray(0, 8), new Uint8Array(20)), 'byte-order magic, got 00000000'],
    ];
    for (const [block, words] of cases) {
      const { packets, failure } = read(...start, block, packet);
      expect(packets.length, words).toBe(1);
      expect(failure).toContain(words);
    }
  });

  it('never brings the reader to anything but packets and one failure, whatever its bytes', () => {
    const file = bytes(
      little.section(),
      little.interface([little.resolution(9), little.offset(3n)]),
      little.enhanced(0, 1n, frame),
      little.simple(60, frame),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
        const copy = Uint8Array.from(file);
        for (const [offset, value] of changes) copy[offset] = value;
        try {
          read(copy);
        } catch (error) {
          expect(error).toMatchObject({ code: 'capture_invalid' });
        }
      }),
      { numRuns: 300 },
    );
  });
});
