import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../../src/bgp/messages.ts';
import { ceaseNotification, describeNotification, NotificationError, notification } from '../../../src/bgp/notification.ts';
import { notification as anyNotification } from './support/arbitraries.ts';
import { external, hex, messageOf, toHex, verdict } from './support/wire.ts';

describe('a NOTIFICATION', () => {
  it('is taken apart into code, subcode and data', () => {
    expect(verdict(messageOf(3, '02 01 0004'))).toEqual({ kind: 'notification', code: 2, subcode: 1, data: hex('0004') });
  });

  it('is built from what a decoder throws', () => {
    const error = new NotificationError(1, 3, 'no such type', Uint8Array.of(9));
    expect(toHex(encodeMessage(error.toMessage(), external)).slice(32)).toBe('001603010309');
  });

  it('comes back as it was built', () => {
    fc.assert(
      fc.property(anyNotification, (message) => {
        expect(decodeMessage(encodeMessage(message, external), external)).toEqual(message);
      }),
    );
  });

  it('is told in words, with the other operator’s own', () => {
    expect(describeNotification(notification(2, 2))).toBe('OPEN message error: bad peer AS');
    expect(describeNotification(notification(4))).toBe('hold timer expired');
    expect(describeNotification(notification(99, 7))).toBe('error code 99: subcode 7');
    expect(describeNotification(ceaseNotification(2, 'going for lunch'))).toBe(
      'cease: administrative shutdown ("going for lunch")',
    );
  });

  it('says what a peer says without its control characters, and nothing where the text is cut short', () => {
    expect(describeNotification(notification(6, 2, hex('051b5b324a0a')))).toBe('cease: administrative shutdown ("?[2J?")');
    expect(describeNotification(notification(6, 2, hex('0f41')))).toBe('cease: administrative shutdown');
    expect(describeNotification(notification(6, 2, hex('02fffe')))).toBe('cease: administrative shutdown ("\uFFFD\uFFFD")');
  });

  it('cuts a long shutdown text at 255 bytes between characters', () => {
    const { data } = ceaseNotification(2, 'ü'.repeat(200));
    expect(data[0]).toBe(254);
    expect(data).toHaveLength(255);
  });

  it('carries a text only where RFC 9003 has one', () => {
    expect(ceaseNotification(7, 'collision').data).toHaveLength(0);
  });
});
