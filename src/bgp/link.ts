// One TCP connection that speaks BGP: frames in, messages out, and the timers that belong to it. Runs in the bgp worker.
//
// Knows nothing of states: what arrives and what expires becomes an FSM event, and the session tells it what to do.
// Hold timer: RFC 4271 6.5. Send hold timer: RFC 9687, by what the peer's host has acknowledged.

import { keepaliveDelayMs, sendHoldMs } from './backoff.ts';
import type { Clock, Timer } from './clock.ts';
import { headerBytes, type MessageKind } from './constants.ts';
import type { FsmEvent } from './fsm-types.ts';
import { type Frame, Framer } from './header.ts';
import type { Journal } from './journal.ts';
import { decodeMessage, encodeMessage, frameBody, type Message } from './messages.ts';
import type { Negotiated } from './negotiate.ts';
import { NotificationError, type NotificationMessage } from './notification.ts';
import type { Connection } from './transport.ts';
import { initialContext, longestMessageBytes, type WireContext } from './wire-context.ts';

/** How long the last word to a peer that does not read may wait before RST. */
const lastWordMs = 1000;
// Code and subcode come before a NOTIFICATION's data.
const notificationLeadBytes = headerBytes + 2;

type Unstamped<E> = E extends unknown ? Omit<E, 'atMs'> : never;
export type LinkEvent = Unstamped<Extract<FsmEvent, { readonly link: number }>>;

export interface LinkOptions {
  readonly id: number;
  readonly connection: Connection;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly internal: boolean;
  /** Whether a message of this type may come in the link's state; others are not looked into. */
  readonly isExpected: (kind: MessageKind) => boolean;
  readonly onEvent: (event: LinkEvent) => void;
  readonly onWritable: () => void;
}

export class BgpLink {
  readonly #options: LinkOptions;
  readonly #framer = new Framer();
  #context: WireContext;
  #open = true;
  #hold: Timer | undefined;
  #keepalive: Timer | undefined;
  #sendCheck: Timer | undefined;
  #heard = 0;
  #writtenBytes = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#context = initialContext(options.internal);
    const { id, connection } = options;
    connection.start({
      onData: (bytes) => this.#read(bytes),
      onWritable: () => options.onWritable(),
      onClosed: (text) => {
        this.#release();
        options.onEvent({ kind: 'closed', link: id, text });
      },
    });
  }

  get localAddress(): string {
    return this.#options.connection.localAddress;
  }

  get backlogBytes(): number {
    return this.#options.connection.backlogBytes;
  }

  /** The longest message the peer takes. */
  get longestMessageBytes(): number {
    return longestMessageBytes(this.#context);
  }

  /** From now on messages have the form that both sides agreed on. */
  agree({ fourOctetAs, extendedMessages, enhancedRefresh }: Negotiated): void {
    this.#context = { ...this.#context, fourOctetAs, extendedMessages, enhancedRefresh };
  }

  /** What a NOTIFICATION quotes is cut where the message would be too long (RFC 8654 4). */
  send(message: Message): void {
    const room = this.longestMessageBytes - notificationLeadBytes;
    const sent = message.kind === 'notification' ? { ...message, data: message.data.subarray(0, room) } : message;
    this.#write(encodeMessage(sent, this.#context), message.kind);
  }

  /** An UPDATE whose body is already in wire form. */
  sendUpdate(body: Uint8Array): void {
    this.#write(frameBody('update', body), 'update');
  }

  /** (Re)starts the hold timer; 0 stops it. */
  holdFor(sec: number): void {
    this.#hold?.cancel();
    this.#hold = undefined;
    if (sec === 0 || !this.#open) return;
    const { clock } = this.#options;
    this.#hold = clock.after(sec * 1000, () => {
      // After a pause of the whole host the peer's messages may be waiting to be read: they count.
      const heard = this.#heard;
      clock.afterInput(() => {
        if (this.#open && this.#heard === heard) this.#options.onEvent({ kind: 'holdExpired', link: this.#options.id });
      });
    });
  }

  /** Schedules the next KEEPALIVE; with hold time 0 there is none. */
  keepaliveWithin(holdTimeSec: number): void {
    this.#keepalive?.cancel();
    this.#keepalive = undefined;
    if (holdTimeSec === 0 || !this.#open) return;
    const { clock, id, onEvent } = this.#options;
    this.#keepalive = clock.after(keepaliveDelayMs(holdTimeSec, clock.random()), () =>
      onEvent({ kind: 'keepaliveDue', link: id }),
    );
  }

  /** Watches that the peer takes what is sent. */
  watchSending(holdTimeSec: number): void {
    const patienceMs = sendHoldMs(holdTimeSec);
    const { clock, connection, id, onEvent } = this.#options;
    let acknowledged = -1;
    let progressMs = clock.nowMs();
    const check = async () => {
      const waiting = await connection.unacknowledgedBytes();
      if (!this.#open) return;
      if (waiting === 0 || this.#writtenBytes - waiting > acknowledged) progressMs = clock.nowMs();
      acknowledged = this.#writtenBytes - waiting;
      if (clock.nowMs() - progressMs >= patienceMs) onEvent({ kind: 'sendHoldExpired', link: id });
      else again();
    };
    const again = () => {
      this.#sendCheck = clock.after(patienceMs / 10, () => void check());
    };
    again();
  }

  /** No event comes after this. Resolves when the connection is gone, a second later at most. */
  async close(notification: NotificationMessage | undefined, abort: boolean): Promise<void> {
    if (!this.#open) return;
    if (notification !== undefined) this.send(notification);
    this.#release();
    const { clock, connection } = this.#options;
    if (!abort) return connection.end();
    if (notification !== undefined) await new Promise<void>((resolve) => clock.after(lastWordMs, resolve));
    connection.reset();
  }

  #release(): void {
    this.#open = false;
    for (const timer of [this.#hold, this.#keepalive, this.#sendCheck]) timer?.cancel();
  }

  #write(wire: Uint8Array, kind: MessageKind): void {
    if (!this.#open) return;
    this.#record('sent', wire, kind);
    this.#writtenBytes += wire.length;
    this.#options.connection.write(wire);
  }

  #read(bytes: Uint8Array): void {
    const { id, onEvent } = this.#options;
    this.#framer.push(bytes);
    try {
      // The limit may change with the message before.
      for (let next = this.#next(); next !== undefined && this.#open; next = this.#next()) {
        // Whole messages only: each restarts the hold timer, a trickle of bytes must not stop it.
        this.#heard += 1;
        this.#take(next);
        if (!this.#open) return;
      }
    } catch (error) {
      if (!(error instanceof NotificationError)) throw error;
      this.#options.journal.countMalformed();
      if (this.#open) onEvent({ kind: 'malformed', link: id, error });
    }
  }

  #next(): Frame | undefined {
    return this.#framer.next(this.longestMessageBytes);
  }

  #take({ kind, wire }: Frame): void {
    const { id, onEvent, isExpected } = this.#options;
    if (isExpected(kind)) return onEvent({ kind: 'message', link: id, message: this.#decode(wire) });
    this.#record('received', wire, kind);
    onEvent({ kind: 'unexpected', link: id, messageKind: kind });
  }

  #decode(wire: Uint8Array): Message {
    try {
      const message = decodeMessage(wire, this.#context);
      this.#record('received', wire, message.kind);
      if (message.kind === 'update' && message.faults.length > 0) this.#options.journal.countMalformed();
      return message;
    } catch (error) {
      this.#record('received', wire, undefined);
      throw error;
    }
  }

  #record(direction: 'sent' | 'received', wire: Uint8Array, kind: MessageKind | undefined): void {
    const { journal, clock } = this.#options;
    journal.add({ at: clock.isoTime(), direction, wire, context: this.#context }, kind);
  }
}
