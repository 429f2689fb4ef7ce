import { expect, it } from 'vitest';
import { isUnicast } from '../../../src/config/rules.ts';

it.each([
  ['0.255.255.255', false],
  ['1.0.0.0', true],
  ['126.255.255.255', true],
  ['127.0.0.1', false],
  ['128.0.0.0', true],
  ['169.253.255.255', true],
  ['169.254.0.0', false],
  ['169.254.255.255', false],
  ['169.255.0.0', true],
  ['223.255.255.255', true],
  ['224.0.0.0', false],
  ['255.255.255.255', false],
  ['::', false],
  ['::1', false],
  ['::2', true],
  ['2001:db8::1', true],
  ['fe80::1', false],
  ['febf::1', false],
  ['fec0::1', true],
  ['ff02::1', false],
])('%s is a unicast address: %s', (address, isOne) => {
  expect(isUnicast(address)).toBe(isOne);
});
