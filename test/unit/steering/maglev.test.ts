import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { addressBytes } from '../../../src/model/address.ts';
import {
  expandMaglevKey,
  fillTable,
  giveTurns,
  identityHash,
  type MaglevMember,
  refillTable,
  type Seat,
  tableChecksum,
} from '../../../src/steering/maglev.ts';
import { askNative, buildNative } from '../../support/native-build.ts';

const secret = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const key = expandMaglevKey(secret);
const size = 65537;

/** Members 10.0.x.y with indices from 1 on. */
const members = (count: number, change: (index: number) => Partial<MaglevMember> = () => ({})): MaglevMember[] =>
  Array.from({ length: count }, (_, i) => ({
    identity: addressBytes(`10.0.${i >> 8}.${i & 255}`),
    weight: 1,
    takesNew: true,
    backend: i + 1,
    ...change(i),
  }));

const counts = (slots: Uint16Array): Map<number, number> => {
  const found = new Map<number, number>();
  for (const backend of slots) found.set(backend, (found.get(backend) ?? 0) + 1);
  return found;
};

const changedSlots = (a: Uint16Array, b: Uint16Array): number => a.filter((backend, i) => backend !== b[i]).length;

const question = (each: readonly MaglevMember[], tableSize: number, key: Uint8Array): string =>
  [
    'table',
    tableSize,
    Buffer.from(key).toString('hex'),
    ...each.flatMap((m) => [Buffer.from(m.identity).toString('hex'), m.weight, m.backend, Number(m.takesNew)]),
  ].join(' ');

interface Tables {
  readonly filled: Uint16Array;
  readonly refilled: Uint16Array;
  readonly checksums: readonly string[];
}

const byOracle = (each: readonly MaglevMember[], tableSize: number): Tables => {
  const filled = fillTable(each, tableSize, key);
  const refilled = refillTable(filled, each, key);
  const checksums = [filled, refilled].map((slots) => tableChecksum(slots, each, key).toString(16).padStart(16, '0'));
  return { filled, refilled, checksums };
};

const byNative = (pools: readonly (readonly MaglevMember[])[], tableSize: number): Tables[] =>
  askNative(pools.map((pool) => question(pool, tableSize, key))).map((answer) => {
    const words = answer.split(' ');
    const slots = Uint16Array.from(words.slice(2), Number);
    return { filled: slots.slice(0, tableSize), refilled: slots.slice(tableSize), checksums: words.slice(0, 2) };
  });

const native = (pool: readonly MaglevMember[], tableSize = size): Tables => {
  const [tables] = byNative([pool], tableSize);
  if (tables === undefined) throw new Error('the vectors program said nothing');
  return tables;
};

const weight = fc.oneof(fc.nat(4), fc.constantFrom(1, 100, 65535), fc.integer({ min: 1, max: 2 ** 32 - 1 }));
const pool: fc.Arbitrary<MaglevMember[]> = fc
  .uniqueArray(fc.record({ identity: fc.uint8Array({ minLength: 16, maxLength: 16 }), weight, takesNew: fc.boolean() }), {
    selector: (member) => member.identity.join(),
    maxLength: 24,
  })
  .map((each) => each.map((member, i) => ({ ...member, backend: i + 1 })));

describe('the keyed hash of an identity', () => {
  it('is SipHash-2-4', () => {
    const counting = Uint8Array.from({ length: 16 }, (_, i) => i);
    expect(identityHash(counting, counting)).toBe(0x3f2acc7f57c29bdbn);
  });
});

describe('the vectors of the paper', () => {
  const walks: readonly Seat[] = [
    { offset: 3, skip: 4, weight: 1, backend: 1 },
    { offset: 0, skip: 2, weight: 1, backend: 2 },
    { offset: 3, skip: 1, weight: 1, backend: 3 },
  ];
  const [first, , third] = walks as [Seat, Seat, Seat];
  const all = [2, 1, 2, 1, 3, 3, 1];
  const withoutMiddle = [1, 1, 1, 1, 3, 3, 3];
  const middleUnusable = [1, 1, 3, 1, 3, 3, 1];

  beforeAll(() => buildNative('test-programs'));

  it('come out of the oracle', () => {
    expect([...giveTurns(new Uint16Array(7), walks)]).toEqual(all);
    expect([...giveTurns(new Uint16Array(7), [first, third])]).toEqual(withoutMiddle);
    expect([...giveTurns(Uint16Array.from([0, 1, 0, 1, 3, 3, 1]), [first, third])]).toEqual(middleUnusable);
  });

  it('come out of native code', () => {
    const answers = askNative(['walk 7 3 4 1 1 0 2 2 0 3 1 3 1', 'walk 7 3 4 1 1 3 1 3 1', 'walk 7']);
    expect(answers.map((line) => line.trim().split(' ').map(Number))).toEqual([
      [...all, ...middleUnusable],
      [...withoutMiddle, ...withoutMiddle],
      Array.from({ length: 14 }, () => 0),
    ]);
  });
});

describe('a Maglev table', () => {
  beforeAll(() => buildNative('test-programs'));

  it('is the same from native code and the oracle, slot for slot', () => {
    fc.assert(
      fc.property(fc.array(pool, { minLength: 10, maxLength: 10 }), fc.constantFrom(2, 7, 251, 1009), (pools, tableSize) => {
        expect(byNative(pools, tableSize)).toEqual(pools.map((each) => byOracle(each, tableSize)));
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    ['a thousand equal members', members(1000)],
    ['one heavy member among a thousand light ones', members(1000, (i) => ({ weight: i === 500 ? 65535 : 1 }))],
    ['weights of every size', members(300, (i) => ({ weight: 1 + ((i * 7919) % 256), takesNew: i % 7 !== 0 }))],
  ])('of %s is the same from both at full size', (_, pool) => {
    expect(native(pool)).toEqual(byOracle(pool, size));
  });

  it('does not depend on the order in which members are given', () => {
    fc.assert(
      fc.property(pool, (each) => {
        expect(byOracle(each.toReversed(), 251)).toEqual(byOracle(each, 251));
      }),
      { numRuns: 50 },
    );
  });

  it('stays the same when every weight is multiplied by one factor', () => {
    fc.assert(
      fc.property(pool, fc.integer({ min: 2, max: 1000 }), (each, factor) => {
        const small = each.map((member) => ({ ...member, weight: member.weight % 65536 }));
        const scaled = small.map((member) => ({ ...member, weight: member.weight * factor }));
        expect(fillTable(scaled, 251, key)).toEqual(fillTable(small, 251, key));
      }),
      { numRuns: 50 },
    );
  });

  it('gives 500 equal members shares within 2 % of the mean', () => {
    const { filled } = native(members(500));
    expect(Math.max(...counts(filled).values()) / (size / 500)).toBeLessThanOrEqual(1.02);
  });

  it('gives shares that follow the weights', () => {
    const { filled } = native(members(100, (i) => ({ weight: 1 + (i % 10) })));
    expect(counts(filled).size).toBe(100);
    for (const [backend, slots] of counts(filled)) {
      const expected = (size * (1 + ((backend - 1) % 10))) / 550;
      expect(Math.abs(slots / expected - 1)).toBeLessThanOrEqual(0.02);
    }
  });

  it('changes at most 1.7 % of its slots when one of 100 members is removed', () => {
    const all = members(100);
    const before = native(all).filled;
    for (const gone of [0, 37, 99]) {
      expect(changedSlots(before, native(all.filter((_, i) => i !== gone)).filled) / size).toBeLessThanOrEqual(0.017);
    }
  });

  it('is all zero for no members, and when none takes new flows', () => {
    const zero = new Uint16Array(251);
    expect(native([], 251)).toEqual(byOracle([], 251));
    expect(native([], 251).filled).toEqual(zero);
    expect(
      native(
        members(3, () => ({ takesNew: false })),
        251,
      ).refilled,
    ).toEqual(zero);
  });

  it('names the same checksum on nodes with other indices, and another one for another table', () => {
    const [here, there] = [members(5), members(5, (i) => ({ backend: 40 + i }))];
    expect(native(there, 251).checksums).toEqual(native(here, 251).checksums);
    expect(native(members(4), 251).checksums).not.toEqual(native(here, 251).checksums);
    expect(
      native(
        members(5, (i) => ({ weight: i === 0 ? 2 : 1 })),
        251,
      ).checksums,
    ).not.toEqual(native(here, 251).checksums);
  });

  it('is refused by native code for a size that is not prime, twin identities or index 0', () => {
    const twin = members(2, () => ({ identity: addressBytes('10.0.0.1') }));
    const answers = askNative([
      question(members(2), 65536, key),
      question(members(2), 655379, key),
      question(twin, 7, key),
      question(
        members(2, () => ({ backend: 9 })),
        7,
        key,
      ),
      question(
        members(1, () => ({ backend: 0 })),
        7,
        key,
      ),
    ]);
    expect(answers).toEqual(['error 1', 'error 1', 'error 2', 'error 2', 'error 2']);
  });
});

describe('refilling', () => {
  beforeAll(() => buildNative('test-programs'));

  it('moves no slot of a member that takes new flows, and leaves none to one that does not', () => {
    fc.assert(
      fc.property(pool, (each) => {
        const { filled, refilled } = byOracle(each, 251);
        const takers = new Set(each.filter((member) => member.takesNew && member.weight > 0).map((member) => member.backend));
        refilled.forEach((backend, i) => {
          const before = filled[i] ?? 0;
          if (takers.has(before)) expect(backend).toBe(before);
          else expect(takers.has(backend) || (takers.size === 0 && backend === 0)).toBe(true);
        });
      }),
      { numRuns: 50 },
    );
  });

  it('changes only the slots of the member that is out, and spreads them over the rest', () => {
    const { filled, refilled } = native(members(100, (i) => ({ takesNew: i !== 37 })));
    expect(changedSlots(filled, refilled)).toBe(counts(filled).get(38));
    expect(Math.max(...counts(refilled).values()) / (size / 99)).toBeLessThanOrEqual(1.02);
  });
});
