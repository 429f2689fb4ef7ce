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

/** Judges the first 19 bytes of `bytes`. @throws NotificationError 1/1, 1/2 or 1/3. */
export function checkHeader(bytes: Uint8Array): Header {
  checkMarker(bytes);
  const high = bytes[lengthOffset] ?? 0;
  const low = bytes[lengthOffset + 1] ?? 0;
  const lengthBytes = (high << 8) | low;
  const type = bytes[typeOffset] ?? 0;
  const kind = messageKinds.find((name) => messageType[name] === type);
  const least = kind === undefined ? headerBytes : minMessageBytes[kind];
  const most = kind === 'keepalive' ? headerBytes : maxMessageBytes;
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

/** Cuts a byte stream into messages. Push a chunk, then call next() until it returns undefined. */
export class Framer {
  #buffer: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): void {
    if (this.#buffer.length === 0) {
      this.#buffer = chunk;
      return;
    }
    const joined = new Uint8Array(this.#buffer.length + chunk.length);
    joined.set(this.#buffer);
    joined.set(chunk, this.#buffer.length);
    this.#buffer = joined;
  }

  /** The next whole message, header included, as a copy. @throws NotificationError when the stream is not BGP. */
  next(): Uint8Array | undefined {
    checkMarker(this.#buffer);
    if (this.#buffer.length < headerBytes) return undefined;
    const { lengthBytes } = checkHeader(this.#buffer);
    if (this.#buffer.length < lengthBytes) return undefined;
    const message = this.#buffer.slice(0, lengthBytes);
    this.#buffer = this.#buffer.subarray(lengthBytes);
    return message;
  }
}
