import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign, assignSlots, emptySlots, emptySpace, type SlotSpace } from '../../../src/steering/allocation.ts';

const requests = (count: number, content: string, lines = 10) =>
  Array.from({ length: count }, (_, i) => ({ pool: `p${i}`, lines, content }));

describe('slot regions', () => {
  it('let every table change at once, again and again, when half of the memory is free', () => {
    let { space } = assignSlots<string>(emptySlots, requests(50, '0'), 1000);
    for (let round = 1; round < 10; round++) space = assignSlots(space, requests(50, String(round)), 1000).space;
    expect(space.tables.size).toBe(50);
  });

  it('are as free after a compile that failed as before it', () => {
    const { space } = assignSlots<string>(emptySlots, requests(60, '0'), 1000);
    expect(() => assignSlots(space, requests(60, '1'), 1000)).toThrow(/beside those in force/);
    const half = requests(60, '1').map((request, i) => (i < 40 ? request : { ...request, content: '0' }));
    const next = assignSlots(space, half, 1000).space;
    expect(assignSlots(next, requests(40, '2'), 1000).space.tables.size).toBe(40);
  });

  it('are never given to a table while the generation in force reads them', () => {
    const round = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 20 })), { maxLength: 10 });
    fc.assert(
      fc.property(fc.array(round, { maxLength: 20 }), (rounds) => {
        let space: SlotSpace<string> = emptySlots;
        for (const [number, asked] of rounds.entries()) {
          const unique = [...new Map(asked)].map(([pool, lines]) => ({
            pool: `p${pool}`,
            lines,
            content: `${number % 3} ${lines}`,
          }));
          const next = assignSlots(space, unique, 1000);
          const taken = [
            ...space.tables.values(),
            ...[...next.space.tables].flatMap(([pool, table]) => (next.fresh.has(pool) ? [table] : [])),
          ].sort((a, b) => a.first - b.first);
          for (const [i, region] of taken.entries()) {
            const after = taken[i + 1];
            if (after !== undefined) expect(region.first + region.lines).toBeLessThanOrEqual(after.first);
          }
          space = next.space;
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('indices', () => {
  const what = { limit: 4, what: 'vips' };

  it('that a compile frees are given out by the next one, with a new generation', () => {
    const first = assign(emptySpace, ['a', 'b', 'c', 'd'], what);
    expect(() => assign(first.space, ['a', 'b', 'c', 'e'], what)).toThrow('expected at most 4 vips');
    const second = assign(first.space, ['a', 'b', 'c'], what);
    const third = assign(second.space, ['a', 'b', 'c', 'e'], what);
    expect(third.given.at(-1)).toEqual({ index: 4, generation: 1 });
    expect(third.fresh).toEqual(new Set([4]));
  });

  it('are the same whatever came between, for keys that stay, and leave the space as it is when nothing comes or goes', () => {
    // Few enough that freed ones come round, while those of two rounds always fit.
    const roomy = { limit: 10, what: 'vips' };
    const keys = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 12 }), (rounds) => {
        let space = emptySpace;
        for (const round of rounds) {
          const { space: next, given, fresh } = assign(space, round, roomy);
          for (const [i, key] of round.entries()) {
            const known = space.owned.get(key);
            expect(next.owned.get(key)).toEqual(given[i]);
            expect(fresh.has(given[i]?.index ?? 0)).toBe(known === undefined);
            if (known !== undefined) expect(given[i]).toEqual(known);
          }
          expect(new Set(given.map(({ index }) => index)).size).toBe(round.length);
          expect([...next.owned.keys()].sort()).toEqual([...round].sort());
          const again = assign(next, round, roomy);
          expect(again.space).toBe(next);
          expect(again.given).toEqual(given);
          space = next;
        }
      }),
      { numRuns: 300 },
    );
  });
});
