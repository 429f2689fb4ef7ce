import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pickElements } from '../../../src/api/pick.ts';

const encode = (value: unknown, space?: number): Uint8Array => new TextEncoder().encode(JSON.stringify(value, null, space));
const named = fc.record({ name: fc.string(), value: fc.jsonValue() });

describe('picking elements out of a rendered list', () => {
  it('finds what parsing the whole list would find, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(named, { minLength: 1 }), fc.nat(), fc.constantFrom(0, 2), (list, at, space) => {
        const name = list[at % list.length]?.name ?? '';
        const parsed = JSON.parse(JSON.stringify(list)) as typeof list;
        const found = pickElements<{ name: string }>(encode(list, space), JSON.stringify(name), (each) => each.name === name);
        expect(found).toEqual(parsed.filter((each) => each.name === name));
      }),
    );
  });

  it('finds nothing in an empty list', () => {
    expect(pickElements(encode([]), '"a"', () => true)).toEqual([]);
  });

  it('does not take a value for a name', () => {
    const found = pickElements<{ name: string }>(encode([{ name: 'a', pool: 'b' }]), '"b"', ({ name }) => name === 'b');
    expect(found).toEqual([]);
  });
});
