import fc from 'fast-check';
import { describe, it } from 'vitest';
import { describeCapability } from '../../../src/bgp/capability-words.ts';
import { Framer } from '../../../src/bgp/header.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../src/bgp/messages.ts';
import { describeNotification, NotificationError } from '../../../src/bgp/notification.ts';
import type { WireContext } from '../../../src/bgp/wire-context.ts';
import { bird } from './golden/bird.ts';
import { exabgp } from './golden/exabgp.ts';
import { frr } from './golden/frr.ts';
import { gobgp } from './golden/gobgp.ts';
import { message } from './support/arbitraries.ts';
import { external, full, hex, updateOf } from './support/wire.ts';

// Every choice that sends a decoder another way, each beside the others' plain one.
const contexts: readonly WireContext[] = [external, { ...full, internal: true }, { ...full, fourOctetAs: false }];

// Decodes as each side could; anything but a message or the typed error, one that can be told of and sent, fails the test.
// By plain throws: there are too many cases for an assertion library.
const survive = (bytes: Uint8Array) => {
  for (const context of contexts) {
    try {
      needWords(...wordsOf(decodeMessage(bytes, context)));
    } catch (error) {
      if (!(error instanceof NotificationError)) throw error;
      needWords(describeNotification(error), error.message);
      if (encodeMessage(error.toMessage(), context).length < 21) throw new Error('no NOTIFICATION', { cause: error });
    }
  }
};

const needWords = (...words: readonly string[]) => {
  if (words.includes('')) throw new Error('nothing to tell an operator');
};

const wordsOf = (decoded: Message): readonly string[] => {
  if (decoded.kind === 'notification') return [describeNotification(decoded)];
  return decoded.kind === 'open' ? decoded.capabilities.map(describeCapability) : [];
};

// The header is made to fit, so that what is wrong is found by the decoder behind it.
const withLength = (bytes: Uint8Array) => {
  const fitted = bytes.slice();
  fitted.set([fitted.length >> 8, fitted.length & 0xff], 16);
  return fitted;
};

// Each attribute that has a decoder, where no router of ours sends it.
const rare = [
  '40010100 400206 0101 0000fde8 400304 0a420001 80040400000032 40050400000064 400600 c00708 0000fde8 0a420001',
  '40010100 400204 0201 5ba0 400304 0a420001 c00706 5ba0 0a420001 c01106 0201 00011170 c01208 00011170 0a420001',
  '800904 0a420001 800a04 0a420002 c01008 0002fde800000001 c01914 00022001 0db80000 00000000 00000001 00000001 c02304 0000fde8',
  '900e0025 0001 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00 00 800f05 0002 01 0820',
].map((attributes) => updateOf({ withdrawn: '18 c00002', attributes, nlri: '20 cb00710a' }));
const samples = [...[...bird, ...frr, ...gobgp, ...exabgp].map(({ bytes }) => bytes), ...rare];

describe('decoding survives any bytes', () => {
  it('of real messages cut at every length, with and without a header that fits', () => {
    for (const sample of samples) {
      for (let length = 0; length < sample.length; length++) {
        survive(sample.subarray(0, length));
        if (length >= 19) survive(withLength(sample.subarray(0, length)));
      }
    }
  });

  it('of real messages with every single bit flipped', () => {
    for (const sample of samples) {
      for (let bit = 0; bit < sample.length * 8; bit++) {
        const flipped = sample.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        survive(flipped);
      }
    }
  });

  it('of legal messages with random bytes in them, cut anywhere', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 8 });
    fc.assert(
      fc.property(message, changes, fc.nat(), (legal, changed, cut) => {
        const bytes = encodeMessage(legal, { fourOctetAs: true });
        for (const [at, value] of changed) bytes[19 + (at % Math.max(1, bytes.length - 19))] = value;
        survive(withLength(bytes.subarray(0, 65_535)));
        survive(withLength(bytes.subarray(0, 19 + (cut % (bytes.length - 18)))));
      }),
      { numRuns: 1000 },
    );
  });

  it('of random messages of each type', () => {
    const body = fc.uint8Array({ maxLength: 400 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7 }), body, (type, bytes) => {
        survive(withLength(Uint8Array.of(...Array<number>(16).fill(0xff), 0, 0, type, ...bytes)));
      }),
      { numRuns: 2000 },
    );
  });

  it('of UPDATEs whose attributes are random but add up', () => {
    const attribute = fc
      .record({
        flags: fc.constantFrom(0x40, 0x80, 0xc0, 0xe0, 0x50, 0x90, 0xd0, 0x00),
        type: fc.oneof(fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 25, 32, 35), fc.nat({ max: 255 })),
        value: fc.uint8Array({ maxLength: 60 }),
      })
      .map(({ flags, type, value }) => {
        const length = (flags & 0x10) === 0 ? [value.length] : [0, value.length];
        return Buffer.from([flags, type, ...length, ...value]).toString('hex');
      });
    const field = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 6 }), field, field, (attributes, withdrawn, nlri) => {
        survive(updateOf({ attributes: attributes.join(''), withdrawn, nlri }));
      }),
      { numRuns: 2000 },
    );
  });

  it('of random streams, whatever the limit', () => {
    const start = hex('ff'.repeat(16));
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.constant(start),
      fc.constant(hex('001304')),
      fc.constant(hex('ffff02')),
    );
    fc.assert(
      fc.property(fc.array(chunk), fc.constantFrom(4096, 65_535), (chunks, longest) => {
        const framer = new Framer();
        try {
          for (const bytes of chunks) {
            framer.push(bytes);
            for (let next = framer.next(longest); next !== undefined; next = framer.next(longest)) survive(next.wire);
          }
        } catch (error) {
          if (!(error instanceof NotificationError)) throw error;
        }
      }),
    );
  });
});
