import { describe, expect, it } from 'vitest';
import { nearText } from '../../../src/model/near.ts';

const keys = ['holdTimeSec', 'healthCheck', 'address', 'address6', 'weight'];

describe('what was meant by a name that nobody knows', () => {
  it.each([
    ['a letter that is missing', 'wight', '; did you mean weight?'],
    ['two letters that changed places', 'wieght', '; did you mean weight?'],
    ['another way to write two words', 'health_check', '; did you mean healthCheck?'],
    ['a part of the name', 'hold-time', '; did you mean holdTimeSec?'],
    ['a part of several names', 'addr', '; did you mean address or address6?'],
  ])('is found by %s', (_, wanted, text) => {
    expect(nearText(wanted, keys)).toBe(text);
  });

  it.each(['colour', 'x', '', '--'])('is not guessed of %j', (wanted) => {
    expect(nearText(wanted, keys)).toBe('');
  });
});
