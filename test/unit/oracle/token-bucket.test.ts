import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../oracle/token-bucket.ts';

const second = 1_000_000_000n;
const taken = (bucket: TokenBucket, times: readonly bigint[]): number => times.filter((time) => bucket.take(time)).length;
const rates = fc.record({ perSecond: fc.integer({ min: 1, max: 1_000_000 }), burst: fc.integer({ min: 1, max: 100 }) });

describe('a token bucket', () => {
  it('is full at start and holds no more than its burst', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 0n);
    expect(taken(bucket, [0n, 0n, 0n, 0n])).toBe(3);
    expect(
      taken(
        bucket,
        Array.from({ length: 10 }, () => 3600n * second),
      ),
    ).toBe(3);
  });

  it('never gives more than burst + rate × time', () => {
    fc.assert(
      fc.property(rates, fc.array(fc.nat({ max: 50_000_000 }), { maxLength: 200 }), (rate, gaps) => {
        let time = 0n;
        const times = gaps.map((gap) => {
          time += BigInt(gap);
          return time;
        });
        const most = rate.burst + (Number(time) / 1e9) * rate.perSecond;
        expect(taken(new TokenBucket(rate, 0n), times)).toBeLessThanOrEqual(Math.floor(most * (1 + 1e-6)) + 1e-9);
      }),
    );
  });

  it('keeps its level in tokens when its rate changes, and cuts it to a smaller burst', () => {
    fc.assert(
      fc.property(rates, rates, fc.nat({ max: 100 }), (before, after, spent) => {
        const bucket = new TokenBucket(before, 0n);
        const left =
          before.burst -
          taken(
            bucket,
            Array.from({ length: spent }, () => 0n),
          );
        bucket.change(after, 0n);
        expect(
          taken(
            bucket,
            Array.from({ length: 200 }, () => 0n),
          ),
        ).toBe(Math.min(left, after.burst));
      }),
    );
  });
});
