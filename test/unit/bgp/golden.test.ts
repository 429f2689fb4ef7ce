import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../../src/bgp/messages.ts';
import { bird } from './golden/bird.ts';
import { exabgp } from './golden/exabgp.ts';
import { frr } from './golden/frr.ts';
import { gobgp } from './golden/gobgp.ts';
import { external } from './support/wire.ts';

const context = external;
const routers = [
  ['BIRD 2.0.12', bird, 9],
  ['FRR 8.4.4', frr, 6],
  ['GoBGP 3.10.0', gobgp, 8],
  ['ExaBGP 4.2.21', exabgp, 8],
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
