import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadDataplaneAddon } from '../../src/dataplane/addon.ts';
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

/** Fills by the addon; `filled` is the unmasked table from before, if there is one. */
function fill(each: readonly MaglevMember[], filled?: Uint16Array) {
  const identities = new Uint8Array(each.length * 16);
  each.forEach(({ identity }, i) => {
    identities.set(identity, i * 16);
  });
  const whole = filled ?? new Uint16Array(size);
  const slots = new Uint16Array(size).fill(0xa5a5);
  const checksums = addon.fillTable(
    key,
    identities,
    Uint32Array.from(each, ({ weight }) => weight),
    Uint16Array.from(each, ({ backend }) => backend),
    Uint16Array.from(each, ({ takesNew }) => Number(takesNew)),
    whole,
    filled !== undefined,
    slots,
  );
  return { filled: whole, slots, checksums };
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
