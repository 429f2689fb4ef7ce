import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CaptureFile } from '../../../src/capture/capture-file.ts';
import { CaptureRecords } from '../../../src/capture/records.ts';
import { CaptureStream } from '../../../src/cli/capture-stream.ts';
import type { CaptureQuery } from '../../../src/model/capture.ts';
import { bytes } from '../../support/ip-packets.ts';
import { blocksOf, packetsOf, textOf } from '../../support/pcapng-blocks.ts';
import { readCapture, useDirectory } from '../replay/support.ts';
import { everything, layout, names, type RecordFields, recordBytes, verdictNumber } from './support.ts';

const at = useDirectory();
const devices = [
  { name: 'eth0', description: 'af_xdp, native, zero-copy' },
  { name: 'eth1', description: 'af_packet' },
];
const startNs = 1_700_000_000_000_000_000n;

function fileOf(query: Partial<CaptureQuery> = {}): CaptureFile {
  return new CaptureFile({ query: { ...everything, ...query }, devices, layout, version: '1.2.3', nowNs: startNs });
}

const recordsOf = (fields: readonly RecordFields[]) => new CaptureRecords(layout).read(bytes(...fields.map(recordBytes)));

const frame = fc.uint8Array({ minLength: 1, maxLength: 200 });
const record: fc.Arbitrary<RecordFields> = fc.record<Required<RecordFields>>({
  timeNs: fc.bigInt({ min: startNs, max: startNs + 10n ** 12n }),
  verdict: fc.nat(layout.verdicts.length - 1),
  flow: fc.nat(3),
  vip: fc.nat(3),
  tenant: fc.nat(2),
  backend: fc.nat(3),
  device: fc.nat(1),
  outDevice: fc.nat(1),
  input: frame,
  output: fc.option(frame, { nil: null }),
});

describe('a capture file', () => {
  it('is read back by the reader of torii replay: every frame in order of time, with its nanosecond', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 30 }), (fields) => {
        const records = recordsOf(fields);
        const file = fileOf();
        file.add(records, names);
        const { packets, failure } = readCapture(at('out.pcapng'), file.take());
        expect(failure).toBeNull();
        const expected = records.flatMap(({ timeNs, input, output }) =>
          [input, ...(output === null ? [] : [output])].map((each) => ({ bytes: Uint8Array.from(each.bytes), timeNs })),
        );
        expect(packets).toEqual(expected);
        expect(packets.map(({ timeNs }) => timeNs)).toEqual(packets.map(({ timeNs }) => timeNs).sort(compare));
      }),
      { numRuns: 60 },
    );
  });

  it('links a packet as it came with the same as it left', () => {
    const fields = { verdict: verdictNumber('forward'), flow: 1, vip: 1, tenant: 1, backend: 1, outDevice: 1 };
    const file = fileOf();
    file.add(recordsOf([{ ...fields, input: Uint8Array.of(1, 2), output: Uint8Array.of(3, 4, 5) }]), names);
    const words = 'verdict=forward vip=203.0.113.10:80/tcp tenant=acme pool=web backend=10.0.2.21 flow=new worker=0';
    expect(packetsOf(file.take())).toEqual([
      { device: 0, bytes: Uint8Array.of(1, 2), direction: 'inbound', id: 1, comment: words },
      { device: 1, bytes: Uint8Array.of(3, 4, 5), direction: 'outbound', id: 1, comment: `out of packet 1: ${words}` },
    ]);
  });

  it('says verdict and reason of what was dropped, and which VIP has gone meanwhile', () => {
    const file = fileOf();
    file.add(
      recordsOf([
        { timeNs: 1n, verdict: verdictNumber('drop', 'no_vip_port') },
        { timeNs: 2n, verdict: verdictNumber('drop', 'cps_limited'), vip: 2, tenant: 1 },
        { timeNs: 3n, verdict: verdictNumber('drop', 'no_backend'), vip: 77 },
      ]),
      names,
    );
    expect(packetsOf(file.take()).map(({ comment }) => comment)).toEqual([
      'verdict=drop reason=no_vip_port worker=0',
      'verdict=drop reason=cps_limited vip=[2001:db8::10]:443/tcp tenant=acme worker=0',
      'verdict=drop reason=no_backend vip=gone worker=0',
    ]);
  });

  it('names its devices, what it was asked for, and in nanoseconds', () => {
    const [section, first, second] = blocksOf(fileOf({ vip: '203.0.113.10', reasons: ['cps_limited'] }).take());
    expect(textOf(section, 4)).toBe('torii 1.2.3');
    expect(textOf(section, 1)).toBe('torii capture vip=203.0.113.10 reason=cps_limited sample=1 rate=1000');
    expect([textOf(first, 2), textOf(first, 3), first?.options.get(9)?.[0]]).toEqual(['eth0', 'af_xdp, native, zero-copy', 9]);
    expect(textOf(second, 2)).toBe('eth1');
  });

  it('ends with the packet that reaches the count, whatever comes behind it', () => {
    const file = fileOf({ count: 3 });
    file.add(recordsOf(Array.from({ length: 5 }, () => ({ output: Uint8Array.of(1) }))), names);
    expect(file.end).toBe('count');
    expect(packetsOf(file.take())).toHaveLength(6);
  });

  it('never grows above its size, statistics included', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4096, max: 60_000 }), fc.array(record, { minLength: 1, maxLength: 20 }), (most, fields) => {
        const file = fileOf({ bytes: most, snapBytes: 200 });
        const records = recordsOf(fields);
        for (let i = 0; i < 100 && file.end === null; i++) file.add(records, names);
        file.statistics([], startNs, 'size');
        expect(file.bytes).toBeLessThanOrEqual(most);
        expect(file.take().length).toBe(file.bytes);
      }),
      { numRuns: 40 },
    );
  });
});

describe('the reader of a growing capture', () => {
  it('gives whole blocks only, and the same numbers, wherever its pieces are cut', () => {
    const counts = { received: 900, matched: 500, taken: 40, limited: 17, missed: 4 };
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), fc.array(fc.nat(5000), { maxLength: 10 }), (fields, cuts) => {
        const file = fileOf();
        const records = recordsOf(fields);
        file.add(records, names);
        file.statistics([counts, counts], startNs + 5n, 'time');
        const whole = file.take();
        const places = [...new Set([0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length])].sort((a, b) => a - b);
        const stream = new CaptureStream();
        const pieces = places.slice(1).map((end, i) => {
          const piece = stream.add(whole.subarray(places[i], end));
          expect(() => blocksOf(Uint8Array.from(piece))).not.toThrow();
          return piece;
        });
        expect(Buffer.concat(pieces).equals(whole)).toBe(true);
        expect(stream.packets).toBe(records.length);
        expect(stream.frames).toBe(packetsOf(whole).length);
        expect(stream.totals).toEqual({ received: 1800, matched: 1000, limited: 34, missed: 8, end: 'time' });
      }),
      { numRuns: 60 },
    );
  });

  it('holds back a block that never came whole', () => {
    const file = fileOf();
    file.add(recordsOf([{}, {}]), names);
    const whole = file.take();
    const stream = new CaptureStream();
    const kept = stream.add(whole.subarray(0, whole.length - 1));
    expect(packetsOf(Uint8Array.from(kept))).toHaveLength(1);
    expect([stream.packets, stream.bytes]).toEqual([1, kept.length]);
  });
});

function compare(a: bigint | null, b: bigint | null): number {
  return Number((a ?? 0n) - (b ?? 0n));
}
