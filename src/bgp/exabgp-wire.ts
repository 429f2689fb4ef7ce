// What ExaBGP and its peer said to each other, from the bytes that ExaBGP passes on: for operators, and for the words of a
// NOTIFICATION. Pure.
//
// Its OPENs say how wide AS numbers are from then on. Bytes that are no message are kept and counted, as a session of our own
// would.

import type { PeerStatus } from '../model/peer.ts';
import { capabilityWords } from './capability-words.ts';
import { families } from './families.ts';
import { type Direction, Journal, type JournalEntry } from './journal.ts';
import { decodeMessage, type Message } from './messages.ts';
import { type Negotiated, negotiate } from './negotiate.ts';
import { NotificationError } from './notification.ts';
import type { OpenMessage } from './open.ts';
import { initialContext, type WireContext } from './wire-context.ts';

export interface ExabgpPacket {
  readonly direction: Direction;
  /** A whole message, header included, as far as ExaBGP had it. */
  readonly wire: Uint8Array;
  /** ISO 8601. */
  readonly at: string;
}

export class ExabgpWire {
  readonly #journal = new Journal();
  readonly #internal: boolean;
  #context: WireContext;
  #sent: OpenMessage | undefined;
  #negotiated: Negotiated | undefined;

  constructor(internal: boolean) {
    this.#internal = internal;
    this.#context = initialContext(internal);
  }

  /** Oldest first. */
  get messages(): readonly JournalEntry[] {
    return this.#journal.entries();
  }

  get counts(): PeerStatus['messages'] {
    return { sent: this.#journal.counts('sent'), received: this.#journal.counts('received') };
  }

  /** Of the newest connection, once both OPENs were heard. */
  get capabilities(): PeerStatus['capabilities'] {
    return this.#negotiated && capabilityWords(this.#negotiated);
  }

  /** The message, or undefined where it is none. */
  hear({ direction, wire, at }: ExabgpPacket): Message | undefined {
    const message = this.#decode(wire);
    if (message?.kind === 'open') this.#open(message, direction);
    this.#journal.add({ at, direction, wire, context: this.#context }, message?.kind);
    const isMalformed = message === undefined || (message.kind === 'update' && message.faults.length > 0);
    if (isMalformed && direction === 'received') this.#journal.countMalformed();
    return message;
  }

  #decode(wire: Uint8Array): Message | undefined {
    try {
      return decodeMessage(wire, this.#context);
    } catch (error) {
      if (error instanceof NotificationError) return undefined;
      throw error;
    }
  }

  // ExaBGP speaks first, so its OPEN begins a connection.
  #open(open: OpenMessage, direction: Direction): void {
    const isOurs = direction === 'sent';
    const ours = isOurs ? open : this.#sent;
    this.#sent = ours;
    this.#negotiated = isOurs || ours === undefined ? undefined : negotiate(ours, open, Object.values(families));
    const { fourOctetAs = false, extendedMessages = false, enhancedRefresh = false } = this.#negotiated ?? {};
    this.#context = { internal: this.#internal, fourOctetAs, extendedMessages, enhancedRefresh };
  }
}
