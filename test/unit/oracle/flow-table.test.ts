import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowEntry, type FlowKey, FlowTable } from '../../oracle/flow-table.ts';
import { Random } from '../../support/random.ts';

const keyOf = (random: Random): FlowKey => ({
  fingerprint: (BigInt(random.uint32()) << 32n) | BigInt(random.uint32()),
  buckets: [random.uint32(), random.uint32()],
});

const entryOf = ({ fingerprint }: FlowKey, words: Partial<FlowEntry> = {}): FlowEntry => ({
  fingerprint,
  backend: 'web/10.0.2.21',
  incarnation: 1,
  state: 'probation',
  isFinished: false,
  seenMs: 0,
  timeouts: { probationMs: 10_000, establishedMs: 100_000, finMs: 60_000 },
  isHashedByTuple: true,
  ...words,
});

const never = (): boolean => false;

describe('a flow table', () => {
  it('refuses a size that is not four times a power of two', () => {
    expect(() => new FlowTable(12)).toThrow(/power of two/);
    expect(() => new FlowTable(8)).not.toThrow();
  });

  it('leaves less than 0.5 % of established flows without room at 70 % load', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const entries = 65_536;
        const table = new FlowTable(entries);
        let without = 0;
        const flows = Math.floor(entries * 0.7);
        for (let i = 0; i < flows; i++) {
          const key = keyOf(random);
          const place = table.room(key, 0, never);
          if (place === undefined) without++;
          else table.put(place, entryOf(key, { state: 'established' }));
        }
        expect(without / flows).toBeLessThan(0.005);
        expect(table.count(0)).toBe(flows - without);
      }),
      { numRuns: 3 },
    );
  });

  it('finds what it was given until that is silent for its whole timeout', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom('probation', 'established', 'finished'),
        fc.nat({ max: 200_000 }),
        (seed, kind, silenceMs) => {
          const key = keyOf(new Random(seed));
          const table = new FlowTable(64);
          const place = table.room(key, 0, never);
          if (place === undefined) throw new Error('an empty table without room');
          const state = kind === 'probation' ? kind : 'established';
          const entry = entryOf(key, { state, isFinished: kind === 'finished' });
          table.put(place, entry);
          const timeoutMs = { probation: 10_000, established: 100_000, finished: 60_000 }[kind];
          expect(table.find(key, silenceMs)?.entry).toEqual(silenceMs < timeoutMs ? entry : undefined);
        },
      ),
    );
  });
});
