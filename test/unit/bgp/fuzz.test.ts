import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Framer } from '../../../src/bgp/header.ts';
import { decodeMessage, encodeMessage } from '../../../src/bgp/messages.ts';
import { NotificationError } from '../../../src/bgp/notification.ts';
import type { WireContext } from '../../../src/bgp/wire-context.ts';
import { bird } from './golden/bird.ts';
import { exabgp } from './golden/exabgp.ts';
import { frr } from './golden/frr.ts';
import { gobgp } from './golden/gobgp.ts';
import { message } from './support/arbitraries.ts';

const contexts: readonly WireContext[] = [true, false].flatMap((fourOctetAs) =>
  [true, false].flatMap((internal) =>
    [true, false].map((isNew) => ({ fourOctetAs, internal, extendedMessages: isNew, enhancedRefresh: isNew })),
  ),
);

// Decodes as both sides would; anything but a message or the typed error fails the test.
const survive = (bytes: Uint8Array) => {
  for (const context of contexts) {
    try {
      expect(decodeMessage(bytes, context).kind).toBeTypeOf('string');
    } catch (error) {
      expect(error).toBeInstanceOf(NotificationError);
    }
  }
};

// The header is made to fit, so that what is wrong is found by the decoder behind it.
const withLength = (bytes: Uint8Array) => {
  const fitted = bytes.slice();
  fitted.set([fitted.length >> 8, fitted.length & 0xff], 16);
  return fitted;
};

const samples = [...bird, ...frr, ...gobgp, ...exabgp].map(({ bytes }) => bytes);

describe('decoding survives any bytes', () => {
  it('of routers’ messages cut at every length, with and without a header that fits', () => {
    for (const sample of samples) {
      for (let length = 0; length < sample.length; length++) {
        survive(sample.subarray(0, length));
        if (length >= 19) survive(withLength(sample.subarray(0, length)));
      }
    }
  });

  it('of routers’ messages with every single bit flipped', () => {
    for (const sample of samples) {
      for (let bit = 0; bit < sample.length * 8; bit++) {
        const flipped = sample.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        survive(flipped);
      }
    }
  });

  it('of legal messages with random bytes in them', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(message, changes, (legal, changed) => {
        const bytes = encodeMessage(legal, { fourOctetAs: true });
        for (const [at, value] of changed) bytes[19 + (at % Math.max(1, bytes.length - 19))] = value;
        survive(withLength(bytes.subarray(0, 4096)));
      }),
      { numRuns: 2000 },
    );
  });

  it('of random messages of each type', () => {
    const body = fc.uint8Array({ maxLength: 400 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7 }), body, (type, bytes) => {
        survive(withLength(Uint8Array.of(...Array<number>(16).fill(0xff), 0, 0, type, ...bytes)));
      }),
      { numRuns: 3000 },
    );
  });

  it('of random streams', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 })), (chunks) => {
        const framer = new Framer();
        try {
          for (const chunk of chunks) {
            framer.push(chunk);
            for (let next = framer.next(); next !== undefined; next = framer.next()) survive(next.wire);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(NotificationError);
        }
      }),
    );
  });
});
