// What both sides of a session agreed on, as far as the form of messages depends on it. Pure.

import { maxExtendedMessageBytes, maxMessageBytes } from './constants.ts';

export interface WireContext {
  /** RFC 6793: AS numbers are 4 bytes wide in AS_PATH and AGGREGATOR. */
  readonly fourOctetAs: boolean;
  /** iBGP: attributes that have no meaning from another AS are kept. */
  readonly internal: boolean;
  /** RFC 8654: messages other than OPEN and KEEPALIVE may have 65,535 bytes. */
  readonly extendedMessages: boolean;
  /** RFC 7313: ROUTE-REFRESH has a subtype. */
  readonly enhancedRefresh: boolean;
}

/** Before both OPENs are known. */
export function initialContext(internal: boolean): WireContext {
  return { fourOctetAs: false, internal, extendedMessages: false, enhancedRefresh: false };
}

/** The longest UPDATE, NOTIFICATION or ROUTE-REFRESH, header included. */
export function longestMessageBytes({ extendedMessages }: Pick<WireContext, 'extendedMessages'>): number {
  return extendedMessages ? maxExtendedMessageBytes : maxMessageBytes;
}
