import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationText, parseDurationSec } from '../../../src/cli/duration.ts';

describe('a duration', () => {
  it.each([
    ['45s', 45],
    ['30m', 1800],
    ['1h', 3600],
    ['1h30m', 5400],
    ['2d', 172_800],
  ])('%s is %i seconds', (text, seconds) => {
    expect(parseDurationSec(text)).toBe(seconds);
  });

  it.each(['', '0s', '1', 'h', '1 h', '-1h', '1h30', '1.5h', '1w'])('is refused when it is %j', (text) => {
    expect(() => parseDurationSec(text)).toThrowError(expect.objectContaining({ code: 'usage' }));
  });

  it('is shown in its two largest units', () => {
    expect([0, 5, 60, 3599, 3600, 11_520, 187_200].map(durationText)).toEqual([
      '0 s',
      '5 s',
      '1 min',
      '59 min 59 s',
      '1 h',
      '3 h 12 min',
      '2 d 4 h',
    ]);
  });

  it('shown is never more than what it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), (seconds) => {
        const shown = durationText(seconds).replaceAll('min', 'm').replaceAll(' ', '');
        expect(parseDurationSec(shown)).toBeLessThanOrEqual(seconds);
      }),
    );
  });
});
