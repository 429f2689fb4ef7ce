import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DesiredBackend } from '../../../src/model/desired.ts';
import { contentOf, fillsAlike, type PlacedContent } from '../../../src/steering/table-content.ts';

const backend: DesiredBackend = {
  pool: 'web',
  address: '',
  weight: 0,
  state: 'active',
  health: 'up',
  nextHop: { kind: 'unresolved', reason: '' },
  takesNewFlows: true,
  keepsFlows: true,
  reason: null,
};

const member = fc
  .record({
    index: fc.constantFrom(1, 2),
    address: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    weight: fc.constantFrom(0, 100),
    takesNewFlows: fc.boolean(),
  })
  .map(({ index, ...words }) => ({ index, noun: { ...backend, ...words } }));
const placed: fc.Arbitrary<PlacedContent> = fc.record({
  clusterSecret: fc.constantFrom('a', 'b'),
  size: fc.constantFrom(251, 257),
  members: fc.array(member, { maxLength: 2 }),
});
/** Often equal, often with one difference. */
const pair = fc.oneof(
  fc.tuple(placed, placed),
  placed.map((one) => [one, { ...one, members: one.members.map((each) => ({ ...each })) }] as const),
  fc.tuple(placed, member).map(([one, other]) => [one, { ...one, members: [...one.members.slice(1), other] }] as const),
);

describe('the content of a table', () => {
  it('is what it would be without one before, and the one before itself exactly where both say the same', () => {
    fc.assert(
      fc.property(pair, ([first, second]) => {
        const before = contentOf(first, undefined);
        const anew = contentOf(second, undefined);
        const after = contentOf(second, before);
        expect(after).toEqual(anew);
        expect(after === before).toBe(JSON.stringify(before) === JSON.stringify(anew));
      }),
      { numRuns: 500 },
    );
  });

  it('is filled alike whoever takes no new flows', () => {
    const unmasked = (content: PlacedContent) =>
      JSON.stringify([
        content.clusterSecret,
        content.size,
        content.members.map(({ index, noun }) => [index, noun.address, noun.weight]),
      ]);
    fc.assert(
      fc.property(pair, ([first, second]) => {
        const alike = fillsAlike(contentOf(first, undefined), contentOf(second, undefined));
        expect(alike).toBe(unmasked(first) === unmasked(second));
      }),
      { numRuns: 500 },
    );
  });
});
