import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadDataplaneAddon, type TableJob } from '../../src/dataplane/addon.ts';
import { expandMaglevKey, fillTable, type MaglevMember, refillTable, tableChecksum } from '../../src/steering/maglev.ts';

const size = 251;
const key = expandMaglevKey('5e'.repeat(32));
const addon = loadDataplaneAddon();

const member = fc.record({
  identity: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  weight: fc.nat(8),
  takesNew: fc.boolean(),
});
const members: fc.Arbitrary<MaglevMember[]> = fc
  .uniqueArray(member, { selector: ({ identity }) => identity.join(), maxLength: 12 })
  .map((each) => each.map((words, i) => ({ ...words, backend: i + 1 })));

/** For the addon; `filled` is the unmasked table from before, if there is one. */
function jobOf(each: readonly MaglevMember[], filled?: Uint16Array): TableJob {
  const identities = new Uint8Array(each.length * 16);
  each.forEach(({ identity }, i) => {
    identities.set(identity, i * 16);
  });
  return {
    identities,
    weights: Uint32Array.from(each, ({ weight }) => weight),
    backends: Uint16Array.from(each, ({ backend }) => backend),
    takesNew: Uint16Array.from(each, ({ takesNew }) => Number(takesNew)),
    filled: filled ?? new Uint16Array(size),
    hasFilled: filled !== undefined,
    slots: new Uint16Array(size).fill(0xa5a5),
  };
}

function fill(each: readonly MaglevMember[], before?: Uint16Array) {
  const job = jobOf(each, before);
  const [checksums] = addon.fillTables(key, [job]);
  return { filled: job.filled, slots: job.slots, checksums };
}

describe('the table that the addon fills', () => {
  it('equals that of the oracle, checksums too', () => {
    fc.assert(
      fc.property(members, (each) => {
        const filled = fillTable(each, size, key);
        const slots = refillTable(filled, each, key);
        const checksums = [filled, slots].map((table) => tableChecksum(table, each, key));
        expect(fill(each)).toEqual({ filled, slots, checksums });
      }),
    );
  });

  it('is the same among many others, whichever thread fills it', () => {
    fc.assert(
      fc.property(fc.array(members, { maxLength: 40 }), (pools) => {
        const jobs = pools.map((each) => jobOf(each));
        const checksums = addon.fillTables(key, jobs);
        const all = jobs.map(({ filled, slots }, i) => ({ filled, slots, checksums: checksums[i] }));
        expect(all).toEqual(pools.map((each) => fill(each)));
      }),
      { numRuns: 30 },
    );
  });

  it('is refused with all others where the members of one are no pool', () => {
    const good = jobOf([{ identity: new Uint8Array(16), weight: 1, takesNew: true, backend: 1 }]);
    expect(() => addon.fillTables(key, [good, { ...good, backends: Uint16Array.of(0) }])).toThrow('none has index 0');
    expect(() => addon.fillTables(key, [good, { ...good, weights: new Uint32Array() }])).toThrow('do not fit each other');
    expect(() => addon.fillTables(key, [{ ...good, filled: new Uint16Array(250), slots: new Uint16Array(250) }])).toThrow(
      'prime',
    );
    expect(addon.fillTables(key, [])).toEqual([]);
  });

  it('is the same refilled from the table before as filled anew, whoever went and came in between', () => {
    fc.assert(
      fc.property(
        members,
        fc.array(fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), { maxLength: 4 }),
        (each, changes) => {
          const { filled } = fill(each);
          for (const takes of [...changes, each.map(({ takesNew }) => takesNew)]) {
            const now = each.map((words, i) => ({ ...words, takesNew: takes[i] ?? false }));
            expect(fill(now, filled)).toEqual(fill(now));
          }
        },
      ),
    );
  });
});
