// Every BGP message, by kind: from a whole frame to a value and back (RFC 4271 4, RFC 2918, RFC 7313).
//
// decodeMessage() survives any bytes: it returns a message or throws a NotificationError, nothing else. Pure.

import {
  errorCode,
  headerBytes,
  headerError,
  type MessageKind,
  messageType,
  refreshSubtype,
  routeRefreshError,
} from './constants.ts';
import { u16Bytes } from './cursor.ts';
import { checkHeader, frame } from './header.ts';
import { decodeNotification, encodeNotification, NotificationError, type NotificationMessage } from './notification.ts';
import { decodeOpen, encodeOpen, type OpenMessage } from './open.ts';
import { decodeUpdate, encodeUpdate, type UpdateMessage } from './update.ts';
import { longestMessageBytes, type WireContext } from './wire-context.ts';

export interface KeepaliveMessage {
  readonly kind: 'keepalive';
}

export interface RouteRefreshMessage {
  readonly kind: 'routeRefresh';
  readonly afi: number;
  readonly safi: number;
  /** RFC 7313: 0 asks for the routes; 1 and 2 mark their begin and end. Plain RFC 2918 has a reserved byte there. */
  readonly subtype: number;
}

export type Message = OpenMessage | UpdateMessage | NotificationMessage | KeepaliveMessage | RouteRefreshMessage;

/** `bytes` is one whole message, header included. @throws NotificationError */
export function decodeMessage(bytes: Uint8Array, context: WireContext): Message {
  const { kind, lengthBytes } = checkHeader(bytes, longestMessageBytes(context));
  if (lengthBytes !== bytes.length) {
    const what = `message length: the header says ${lengthBytes}, got ${bytes.length} bytes`;
    throw new NotificationError(errorCode.header, headerError.badLength, what, Uint8Array.from(u16Bytes(lengthBytes)));
  }
  const body = bytes.subarray(headerBytes);
  switch (kind) {
    case 'open':
      return decodeOpen(body);
    case 'update':
      return decodeUpdate(body, context);
    case 'notification':
      return decodeNotification(body);
    case 'keepalive':
      return { kind: 'keepalive' };
    case 'routeRefresh':
      return decodeRouteRefresh(bytes, context);
  }
}

const refreshBytes = 4;

// What follows the four bytes is an outbound route filter (RFC 5291), which was not offered: ignored, as RFC 2918 would.
// Without RFC 7313 the subtype is reserved and says nothing.
function decodeRouteRefresh(wire: Uint8Array, { enhancedRefresh }: WireContext): RouteRefreshMessage {
  const body = wire.subarray(headerBytes);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const subtype = view.getUint8(2);
  const isMark = subtype === refreshSubtype.begin || subtype === refreshSubtype.end;
  if (enhancedRefresh && isMark && body.length !== refreshBytes) {
    const what = `ROUTE-REFRESH of subtype ${subtype}: expected ${refreshBytes} bytes, got ${body.length}`;
    throw new NotificationError(errorCode.routeRefresh, routeRefreshError.invalidLength, what, wire.slice());
  }
  return { kind: 'routeRefresh', afi: view.getUint16(0), subtype, safi: view.getUint8(3) };
}

/** The whole message, header included. */
export function encodeMessage(message: Message, context: Pick<WireContext, 'fourOctetAs'>): Uint8Array {
  return frameBody(message.kind, encodeBody(message, context));
}

function encodeBody(message: Message, context: Pick<WireContext, 'fourOctetAs'>): Uint8Array {
  switch (message.kind) {
    case 'open':
      return encodeOpen(message);
    case 'update':
      return encodeUpdate(message, context);
    case 'notification':
      return encodeNotification(message);
    case 'keepalive':
      return new Uint8Array(0);
    case 'routeRefresh':
      return Uint8Array.of(...u16Bytes(message.afi), message.subtype, message.safi);
  }
}

/** Puts the header of `kind` in front of a body that is already in wire form. */
export function frameBody(kind: MessageKind, body: Uint8Array): Uint8Array {
  return frame(messageType[kind], body);
}
