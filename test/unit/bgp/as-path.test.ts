import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinPaths, pathText, readAs4Path, readAsPath } from '../../../src/bgp/as-path.ts';
import type { AsSegment } from '../../../src/bgp/path-attributes.ts';
import { hex } from './support/wire.ts';

const sequence = (...ases: number[]): AsSegment => ({ kind: 'sequence', ases });
const set = (...ases: number[]): AsSegment => ({ kind: 'set', ases });
const trans = 23456;

describe('an AS path', () => {
  it('is read with two or four bytes for an AS', () => {
    expect(readAsPath(hex('0202 fde8 5ba0 0101 0007'), false)).toEqual([sequence(65000, trans), set(7)]);
    expect(readAsPath(hex('0201 00011170'), true)).toEqual([sequence(70_000)]);
    expect(readAsPath(new Uint8Array(), true)).toEqual([]);
  });

  it('without confederations is what AS4_PATH gives', () => {
    expect(readAs4Path(hex('0301 0000fde9 0201 00011170'))).toEqual([sequence(70_000)]);
    expect(readAs4Path(hex('0301 0000fde9'))).toBeUndefined();
  });

  it('has text from the neighbour to the origin', () => {
    expect(pathText([sequence(1, 2), set(3, 4)])).toBe('1 2 {3 4}');
    expect(pathText([])).toBe('');
  });
});

describe('a narrow path and its wide one (RFC 6793 4.2.3)', () => {
  it.each<[string, readonly AsSegment[], readonly AsSegment[], string]>([
    ['as long: the wide one', [sequence(trans, 65000)], [sequence(70_000, 65000)], '70000 65000'],
    ['longer: what was put before it since', [sequence(1, 2, trans)], [sequence(70_000)], '1 2 70000'],
    ['longer by a set, which is one step', [set(1, 2), sequence(trans)], [sequence(70_000)], '{1 2} 70000'],
    ['longer, with the split inside a segment', [sequence(1, 2), sequence(trans, trans)], [sequence(70_000)], '1 2 23456 70000'],
    ['shorter: the narrow one, for somebody has shortened it', [sequence(trans)], [sequence(1, 70_000)], '23456'],
  ])('%s', (_what, narrow, wide, expected) => {
    expect(pathText(joinPaths(narrow, wide))).toBe(expected);
  });

  it('give a path as long as the narrow one', () => {
    const segment = fc.record({
      kind: fc.constantFrom('set' as const, 'sequence' as const),
      ases: fc.array(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 5 }),
    });
    const steps = (segments: readonly AsSegment[]) =>
      segments.reduce((sum, { kind, ases }) => sum + (kind === 'set' ? 1 : ases.length), 0);
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 5 }), fc.array(segment, { maxLength: 5 }), (narrow, wide) => {
        expect(steps(joinPaths(narrow, wide))).toBe(steps(narrow));
      }),
    );
  });
});
