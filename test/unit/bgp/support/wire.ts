// Building blocks for tests that write BGP by hand.

import { frame } from '../../../../src/bgp/header.ts';
import { decodeMessage, type Message } from '../../../../src/bgp/messages.ts';
import { NotificationError } from '../../../../src/bgp/notification.ts';
import type { WireContext } from '../../../../src/bgp/wire-context.ts';

export const external: WireContext = { fourOctetAs: true, internal: false, extendedMessages: false, enhancedRefresh: false };
export const internal: WireContext = { ...external, internal: true };
/** Between speakers that agreed on everything. */
export const full: WireContext = { ...external, extendedMessages: true, enhancedRefresh: true };

/** "0102 ff" to bytes. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A message with this body; the length is right whatever the body is. */
export function messageOf(type: number, body: string): Uint8Array {
  return frame(type, hex(body));
}

const u16 = (value: number) => value.toString(16).padStart(4, '0');

/** An UPDATE from its three fields. */
export function updateOf(fields: { withdrawn?: string; attributes?: string; nlri?: string }): Uint8Array {
  const [withdrawn, attributes, nlri] = [fields.withdrawn, fields.attributes, fields.nlri].map((field) => hex(field ?? ''));
  const part = (bytes: Uint8Array | undefined) => toHex(bytes ?? new Uint8Array());
  return messageOf(
    2,
    u16(withdrawn?.length ?? 0) + part(withdrawn) + u16(attributes?.length ?? 0) + part(attributes) + part(nlri),
  );
}

/** "code/subcode data" of what decoding throws; the message itself when it does not. */
export function verdict(bytes: Uint8Array, context: WireContext = external): string | Message {
  return verdictOf(() => decodeMessage(bytes, context));
}

export function verdictOf<T>(decode: () => T): string | T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    return `${error.code}/${error.subcode} ${toHex(error.data)}`.trim();
  }
}
