import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlowKey } from '../../oracle/flow-table.ts';
import { type FragmentRecord, FragmentTable } from '../../oracle/fragment-table.ts';
import { Random } from '../../support/random.ts';

const keyOf = (random: Random): FlowKey => ({
  fingerprint: (BigInt(random.uint32()) << 32n) | BigInt(random.uint32()),
  buckets: [random.uint32(), random.uint32()],
});
const record: FragmentRecord = { vip: 'v', vipLife: 1, backend: 'web/10.0.2.21', backendLife: 1 };
const places = 16_384;

describe('a table of first fragments', () => {
  it('finds a record for 30 s, in steps of 16 ms', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 1_000_000 }), fc.nat({ max: 40_000 }), (seed, atMs, ageMs) => {
        const key = keyOf(new Random(seed));
        const table = new FragmentTable();
        table.put(key, record, atMs);
        const steps = Math.floor((atMs + ageMs) / 16) - Math.floor(atMs / 16);
        expect(table.find(key, atMs + ageMs)).toEqual(steps < 1875 ? record : undefined);
      }),
      { numRuns: 30 },
    );
  });

  it('holds no datagram twice: the newer record counts', () => {
    const table = new FragmentTable();
    const key = keyOf(new Random(1));
    table.put(key, record, 0);
    table.put(key, { ...record, backend: 'web/10.0.2.22' }, 20_000);
    expect(table.find(key, 30_000)?.backend).toBe('web/10.0.2.22');
    expect(table.find(key, 49_000)?.backend).toBe('web/10.0.2.22');
  });

  it('loses nothing below half its places, and the oldest of a bucket pair beyond', () => {
    const random = new Random(2);
    const table = new FragmentTable();
    const half = Array.from({ length: places / 4 }, () => keyOf(random));
    for (const [i, key] of half.entries()) table.put(key, record, i);
    expect(half.filter((key) => table.find(key, half.length) === undefined).length / half.length).toBeLessThan(0.001);
    const [bucket, other] = [5, 9];
    const rivals = Array.from({ length: 9 }, (_, i): FlowKey => ({ fingerprint: BigInt(i + 1), buckets: [bucket, other] }));
    const small = new FragmentTable();
    for (const [i, key] of rivals.entries()) small.put(key, record, i * 16);
    expect(rivals.map((key) => small.find(key, 200) !== undefined)).toEqual([false, ...Array.from({ length: 8 }, () => true)]);
  });
});
