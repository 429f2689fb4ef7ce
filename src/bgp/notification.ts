// NOTIFICATION: how a BGP session ends, as a message, as an exception and in words.
//
// NotificationError is the only thing a decoder throws; its code, subcode and data are what the peer is told (RFC 4271 6,
// RFC 4486, RFC 6608, RFC 7313, RFC 9687). Shutdown texts are RFC 9003. Pure.

import { ceaseError, errorCode } from './constants.ts';
import { printableText } from './printable.ts';

export interface NotificationMessage {
  readonly kind: 'notification';
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

const noData: Uint8Array = new Uint8Array(0);

export class NotificationError extends Error {
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;

  constructor(code: number, subcode: number, message: string, data: Uint8Array = noData) {
    super(message);
    this.name = 'NotificationError';
    this.code = code;
    this.subcode = subcode;
    this.data = data;
  }

  /** The message that tells the peer. */
  toMessage(): NotificationMessage {
    return { kind: 'notification', code: this.code, subcode: this.subcode, data: this.data };
  }
}

const names: Readonly<Record<number, readonly [string, ...(string | undefined)[]]>> = {
  1: ['message header error', 'connection not synchronized', 'bad message length', 'bad message type'],
  2: [
    'OPEN message error',
    'unsupported version',
    'bad peer AS',
    'bad BGP identifier',
    'unsupported optional parameter',
    'authentication failure',
    'unacceptable hold time',
    'unsupported capability',
    undefined,
    undefined,
    undefined,
    'role mismatch',
  ],
  3: [
    'UPDATE message error',
    'malformed attribute list',
    'unrecognized well-known attribute',
    'missing well-known attribute',
    'attribute flags error',
    'attribute length error',
    'invalid ORIGIN',
    'AS routing loop',
    'invalid NEXT_HOP',
    'optional attribute error',
    'invalid network field',
    'malformed AS_PATH',
  ],
  4: ['hold timer expired'],
  5: [
    'finite state machine error',
    'unexpected message in OpenSent',
    'unexpected message in OpenConfirm',
    'unexpected message in Established',
  ],
  6: [
    'cease',
    'maximum number of prefixes reached',
    'administrative shutdown',
    'peer de-configured',
    'administrative reset',
    'connection rejected',
    'other configuration change',
    'connection collision resolution',
    'out of resources',
    'hard reset',
    'BFD down',
  ],
  7: ['ROUTE-REFRESH message error', 'invalid message length'],
  8: ['send hold timer expired'],
};

type Said = Pick<NotificationMessage, 'code' | 'subcode' | 'data'>;

/** Code, subcode and (for a shutdown) the other side's own words; of a hard reset what it is about (RFC 8538 3). */
export function describeNotification(said: Said): string {
  const { code, subcode, data } = said;
  const [innerCode, innerSubcode] = data;
  const isHardReset = code === errorCode.cease && subcode === ceaseError.hardReset;
  if (!isHardReset || innerCode === undefined || innerSubcode === undefined) return wordsOf(said);
  return `${wordsOf(said)}: ${wordsOf({ code: innerCode, subcode: innerSubcode, data: data.subarray(2) })}`;
}

function wordsOf({ code, subcode, data }: Said): string {
  const [name, ...subnames] = names[code] ?? [`error code ${code}`];
  const subname = subcode === 0 ? undefined : (subnames[subcode - 1] ?? `subcode ${subcode}`);
  const spoken = shutdownText({ code, subcode, data });
  return `${name}${subname === undefined ? '' : `: ${subname}`}${spoken === undefined ? '' : ` ("${spoken}")`}`;
}

export function notification(code: number, subcode = 0, data: Uint8Array = noData): NotificationMessage {
  return { kind: 'notification', code, subcode, data };
}

const maxShutdownTextBytes = 255;

/** CEASE with a text the other operator reads (RFC 9003 for administrative shutdown and reset). Cut at 255 bytes, whole characters. */
export function ceaseNotification(subcode: number, text: string): NotificationMessage {
  const carriesText = subcode === ceaseError.administrativeShutdown || subcode === ceaseError.administrativeReset;
  if (!carriesText || text === '') return notification(errorCode.cease, subcode);
  const data = new Uint8Array(1 + maxShutdownTextBytes);
  const { written } = new TextEncoder().encodeInto(text, data.subarray(1));
  data[0] = written;
  return notification(errorCode.cease, subcode, data.slice(0, 1 + written));
}

function shutdownText({ code, subcode, data }: Said): string | undefined {
  if (code !== errorCode.cease) return undefined;
  if (subcode !== ceaseError.administrativeShutdown && subcode !== ceaseError.administrativeReset) return undefined;
  const length = data[0] ?? 0;
  if (length === 0 || data.length < 1 + length) return undefined;
  return printableText(data.subarray(1, 1 + length));
}

/** Body of the message; messages.ts puts the header in front. */
export function encodeNotification({ code, subcode, data }: NotificationMessage): Uint8Array {
  return Uint8Array.of(code, subcode, ...data);
}

/** `body` has at least 2 bytes: the header's length was checked. */
export function decodeNotification(body: Uint8Array): NotificationMessage {
  return { kind: 'notification', code: body[0] ?? 0, subcode: body[1] ?? 0, data: body.slice(2) };
}
