import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Framer, frame } from '../../../src/bgp/header.ts';
import { encodeMessage } from '../../../src/bgp/messages.ts';
import { message } from './support/arbitraries.ts';
import { external, hex, toHex, verdictOf } from './support/wire.ts';

const marker = 'ff'.repeat(16);

const framed = (...chunks: Uint8Array[]): string[] => {
  const framer = new Framer();
  const frames: string[] = [];
  for (const chunk of chunks) {
    framer.push(chunk);
    for (let next = framer.next(); next !== undefined; next = framer.next()) frames.push(toHex(next.wire));
  }
  return frames;
};

describe('a message header', () => {
  it('is sixteen ones, the whole length and the type', () => {
    expect(toHex(frame(4, new Uint8Array()))).toBe(`${marker}001304`);
  });

  it.each([
    ['a marker that is not all ones', `${'ff'.repeat(15)}fe 0013 04`, '1/1'],
    ['text of another protocol, before there is a whole header', Buffer.from('GET /').toString('hex'), '1/1'],
    ['a length below the header', `${marker} 0012 04`, '1/2 0012'],
    ['a length above 4096', `${marker} 1001 02`, '1/2 1001'],
    ['an OPEN too short for its fields', `${marker} 001c 01`, '1/2 001c'],
    ['an UPDATE too short for its fields', `${marker} 0016 02`, '1/2 0016'],
    ['a NOTIFICATION too short for its fields', `${marker} 0014 03`, '1/2 0014'],
    ['a KEEPALIVE with a body', `${marker} 0014 04`, '1/2 0014'],
    ['a ROUTE-REFRESH too short for its fields', `${marker} 0016 05`, '1/2 0016'],
    ['a type that does not exist', `${marker} 0013 06`, '1/3 06'],
    ['type zero', `${marker} 0013 00`, '1/3 00'],
    ['a bad length of a type that does not exist', `${marker} 0012 09`, '1/2 0012'],
  ])('is refused: %s', (_what, bytes, expected) => {
    expect(verdictOf(() => framed(hex(bytes)))).toBe(expected);
  });

  it('is judged before its body has arrived', () => {
    expect(verdictOf(() => framed(hex(`${marker} 1001 02`)))).toBe('1/2 1001');
  });
});

describe('a stream of messages', () => {
  it('comes out the same however TCP cuts it', () => {
    const chunked = fc.tuple(
      fc.array(message, { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat({ max: 500 }), { maxLength: 20 }),
    );
    fc.assert(
      fc.property(chunked, ([messages, cuts]) => {
        const frames = messages.map((one) => encodeMessage(one, external));
        const stream = Buffer.concat(frames);
        const ends = cuts.reduce<number[]>((at, cut) => [...at, (at.at(-1) ?? 0) + cut], []);
        const chunks = [0, ...ends].map((start, i) => stream.subarray(start, ends[i] ?? stream.length));
        expect(framed(...chunks)).toEqual(frames.map(toHex));
      }),
      { numRuns: 50 },
    );
  });

  it('gives the messages before a bad one', () => {
    const framer = new Framer();
    framer.push(hex(`${marker}001304 ${marker}001309`));
    expect(toHex(framer.next()?.wire ?? new Uint8Array())).toBe(`${marker}001304`);
    expect(verdictOf(() => framer.next())).toBe('1/3 09');
  });
});
