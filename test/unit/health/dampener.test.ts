import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { carried, type Dampener, observe, type Thresholds, undecided } from '../../../src/health/dampener.ts';

const after = (outcomes: readonly boolean[], thresholds: Thresholds = { rise: 2, fall: 3 }, from = undecided): Dampener =>
  outcomes.reduce((state, passed) => observe(state, passed, thresholds), from);

describe('a health dampener', () => {
  it('knows nothing before a whole row of equal outcomes', () => {
    expect(after([]).health).toBe('unknown');
    expect(after([true]).health).toBe('unknown');
    expect(after([false, false, true, false, false]).health).toBe('unknown');
  });

  it('comes up with exactly rise successes in a row', () => {
    expect(after([true, true]).health).toBe('up');
    expect(after([true, false, true]).health).toBe('unknown');
  });

  it('stays up through fewer than fall failures in a row, however often', () => {
    expect(after([true, true, false, false, true, false, false, true, false, false]).health).toBe('up');
  });

  it('goes down with exactly fall failures in a row, from up and from unknown', () => {
    expect(after([true, true, false, false, false]).health).toBe('down');
    expect(after([false, false, false]).health).toBe('down');
  });

  it('goes down no later for having been up for long', () => {
    expect(after([...Array<boolean>(10_000).fill(true), false, false, false]).health).toBe('down');
  });

  it('keeps its health but not its streak when carried over', () => {
    expect(after([false, false], undefined, carried(after([true, true, false, false]))).health).toBe('up');
    expect(after([false, false, false], undefined, carried(after([true, true, false, false]))).health).toBe('down');
  });

  it('only ever changes at the end of a full row of the outcome it changes to', () => {
    const threshold = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), threshold, threshold, (outcomes, rise, fall) => {
        let state = undecided;
        for (const [i, passed] of outcomes.entries()) {
          const next = observe(state, passed, { rise, fall });
          const length = passed ? rise : fall;
          const row = outcomes.slice(Math.max(0, i + 1 - length), i + 1);
          const isFullRow = row.length === length && row.every((outcome) => outcome === passed);
          expect(next.health).toBe(isFullRow ? (passed ? 'up' : 'down') : state.health);
          state = next;
        }
      }),
    );
  });
});
