import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { percentile } from '../../../deploy/lab/traffic/summary.ts';

describe('a percentile', () => {
  it('is a value that at least that fraction does not exceed, and the smallest such', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.double({ min: 0.01, max: 1, noNaN: true }), (values, fraction) => {
        const sorted = values.toSorted((a, b) => a - b);
        const found = percentile(sorted, fraction);
        const atMost = (limit: number) => sorted.filter((value) => value <= limit).length;
        expect(atMost(found)).toBeGreaterThanOrEqual(sorted.length * fraction);
        const smaller = sorted.findLast((value) => value < found);
        if (smaller !== undefined) expect(atMost(smaller)).toBeLessThan(sorted.length * fraction);
      }),
    );
  });

  it('of nothing is 0', () => {
    expect(percentile([], 0.5)).toBe(0);
  });
});
