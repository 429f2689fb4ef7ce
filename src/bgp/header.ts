// The 19-byte header and the cutting of a TCP stream into messages (RFC 4271 4.1, 6.1).
//
// A header is judged as soon as it is there, before the message's body and before any state is looked at. The framer
// never holds more than one message and the rest of the last chunk. Pure.

import {
  errorCode,
  headerBytes,
  headerError,
  type MessageKind,
  markerBytes,
  maxMessageBytes,
  messageKinds,
  messageType,
  minMessageBytes,
} from './constants.ts';
import { concatBytes } from './cursor.ts';
import { NotificationError } from './notification.ts';

const lengthOffset = markerBytes;
const typeOffset = markerBytes + 2;

/** A whole message of `type` around `body`. */
export function frame(type: number, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(headerBytes + body.length);
  message.fill(0xff, 0, markerBytes);
  message[lengthOffset] = message.length >> 8;
  message[lengthOffset + 1] = message.length & 0xff;
  message[typeOffset] = type;
  message.set(body, headerBytes);
  return message;
}

export interface Header {
  readonly kind: MessageKind;
  readonly lengthBytes: number;
}

function checkMarker(bytes: Uint8Array): void {
  for (let i = 0; i < markerBytes && i < bytes.length; i++) {
    if (bytes[i] !== 0xff) {
      throw new NotificationError(errorCode.header, headerError.notSynchronized, 'header marker is not all ones');
    }
  }
}

/**
 * Judges the first 19 bytes of `bytes`. `longestBytes` is what the session allows (RFC 8654); OPEN and KEEPALIVE keep their
 * own limits. @throws NotificationError 1/1, 1/2 or 1/3.
 */
export function checkHeader(bytes: Uint8Array, longestBytes: number): Header {
  checkMarker(bytes);
  const high = bytes[lengthOffset] ?? 0;
  const low = bytes[lengthOffset + 1] ?? 0;
  const lengthBytes = (high << 8) | low;
  const type = bytes[typeOffset] ?? 0;
  const kind = messageKinds.find((name) => messageType[name] === type);
  const [least, most] = lengthLimits(kind, longestBytes);
  if (lengthBytes < least || lengthBytes > most) {
    const wanted = least === most ? `${least}` : `${least}..${most}`;
    const what = `message length of type ${type}: expected ${wanted}, got ${lengthBytes}`;
    throw new NotificationError(errorCode.header, headerError.badLength, what, Uint8Array.of(high, low));
  }
  if (kind === undefined) {
    const what = `message type: expected 1..5, got ${type}`;
    throw new NotificationError(errorCode.header, headerError.badType, what, Uint8Array.of(type));
  }
  return { kind, lengthBytes };
}

function lengthLimits(kind: MessageKind | undefined, longestBytes: number): readonly [number, number] {
  if (kind === undefined) return [headerBytes, longestBytes];
  if (kind === 'keepalive') return [headerBytes, headerBytes];
  return [minMessageBytes[kind], kind === 'open' ? maxMessageBytes : longestBytes];
}

export interface Frame {
  readonly kind: MessageKind;
  /** The whole message, header included, as a copy. */
  readonly wire: Uint8Array;
}

/** Cuts a byte stream into messages. Push a chunk, then call next() until it returns undefined. */
export class Framer {
  /** Chunks are joined only once the message they belong to is whole: a slow peer costs no copying. */
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #neededBytes = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The next whole message. @throws NotificationError when the stream is not BGP. */
  next(longestBytes: number = maxMessageBytes): Frame | undefined {
    if (this.#bytes < this.#neededBytes) return undefined;
    const buffer = this.#joined();
    checkMarker(buffer);
    if (buffer.length < headerBytes) return undefined;
    const { kind, lengthBytes } = checkHeader(buffer, longestBytes);
    this.#neededBytes = lengthBytes;
    if (buffer.length < lengthBytes) return undefined;
    this.#chunks = [buffer.subarray(lengthBytes)];
    this.#bytes -= lengthBytes;
    this.#neededBytes = 0;
    return { kind, wire: buffer.slice(0, lengthBytes) };
  }

  #joined(): Uint8Array {
    const [first, ...more] = this.#chunks;
    if (first !== undefined && more.length === 0) return first;
    const joined = concatBytes(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}
