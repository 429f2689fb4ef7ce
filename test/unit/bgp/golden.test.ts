import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../../src/bgp/messages.ts';
import { bird, frr } from './support/golden.ts';
import { external } from './support/wire.ts';

const context = external;
const routers = [
  ['BIRD 2.0.12', bird, 9],
  ['FRR 8.4.4', frr, 6],
] as const;

describe.each(routers)('messages of %s', (_router, messages, count) => {
  it('are all here', () => {
    expect(messages).toHaveLength(count);
  });

  it.each(messages)('are understood: $name', ({ bytes, message }) => {
    expect(decodeMessage(bytes, context)).toEqual(message);
  });

  it.each(messages.filter(({ builds }) => builds))('are built byte for byte: $name', ({ bytes, message }) => {
    expect(Buffer.from(encodeMessage(message, context)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  });
});
