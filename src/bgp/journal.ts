// The last messages of one peer, and how many there were of each kind.
//
// Messages are kept as they were on the wire (at most 64, and a mebibyte in all) and decoded when an operator looks, so that
// keeping them costs a copy. Of KEEPALIVEs the last few are: a minute of them would leave nothing of what opened the session. Pure.

import { type MessageKind, messageKinds } from './constants.ts';
import { bytesToHex } from './cursor.ts';
import { decodeMessage, type Message } from './messages.ts';
import { NotificationError } from './notification.ts';
import type { WireContext } from './wire-context.ts';

export type Direction = 'sent' | 'received';

/** One message as an operator sees it. */
export interface JournalEntry {
  /** ISO 8601. */
  readonly at: string;
  readonly direction: Direction;
  readonly bytes: number;
  /** Undefined where the message could not be decoded; `error` says why and `hex` shows it. */
  readonly message: Message | undefined;
  readonly error: string | undefined;
  readonly hex: string | undefined;
}

interface Arrived {
  readonly at: string;
  readonly direction: Direction;
  readonly wire: Uint8Array;
  readonly context: WireContext;
}

interface Kept extends Arrived {
  readonly isKeepalive: boolean;
}

export type MessageCounts = Readonly<Record<string, number>>;

const keptMessages = 64;
const keptKeepalives = 8;
/** Extended messages have up to 65,535 bytes each (RFC 8654). */
const keptBytes = 1_048_576;

export class Journal {
  readonly #kept: Kept[] = [];
  #keptBytes = 0;
  #keepalives = 0;
  readonly #counts: Record<Direction, Record<string, number>> = {
    sent: zeroCounts(),
    received: { ...zeroCounts(), malformed: 0 },
  };

  /** `wire` is a whole message and stays unchanged. No kind: it could not be decoded. */
  add(entry: Arrived, kind: MessageKind | undefined): void {
    if (kind !== undefined) this.#count(entry.direction, kind);
    const isKeepalive = kind === 'keepalive';
    this.#kept.push({ ...entry, isKeepalive });
    this.#keptBytes += entry.wire.length;
    if (isKeepalive) this.#keepalives++;
    if (this.#keepalives > keptKeepalives) this.#forget(this.#kept.findIndex((kept) => kept.isKeepalive));
    while (this.#kept.length > keptMessages || this.#keptBytes > keptBytes) this.#forget(0);
  }

  #forget(at: number): void {
    const [gone] = this.#kept.splice(at, 1);
    if (gone === undefined) return;
    this.#keptBytes -= gone.wire.length;
    if (gone.isKeepalive) this.#keepalives--;
  }

  /** Something the peer sent was not as it should be, whatever it was meant to be. */
  countMalformed(): void {
    this.#count('received', 'malformed');
  }

  #count(direction: Direction, name: string): void {
    const counts = this.#counts[direction];
    counts[name] = (counts[name] ?? 0) + 1;
  }

  counts(direction: Direction): MessageCounts {
    return { ...this.#counts[direction] };
  }

  /** Oldest first. */
  entries(): JournalEntry[] {
    return this.#kept.map(({ at, direction, wire, context }) => {
      const shown = { at, direction, bytes: wire.length };
      try {
        return { ...shown, message: decodeMessage(wire, context), error: undefined, hex: undefined };
      } catch (error) {
        if (!(error instanceof NotificationError)) throw error;
        return { ...shown, message: undefined, error: error.message, hex: bytesToHex(wire) };
      }
    });
  }
}

function zeroCounts(): Record<string, number> {
  return Object.fromEntries(messageKinds.map((kind) => [kind, 0]));
}
