// The words of the native BFD thread, read in place, and the one it reads: this thread's heartbeat.
//
// Where each word is, the addon says; a name that it does not know is refused at once. Words change at any time, so two of
// them need not be of one moment; counters never go back while a session lasts.

import { ToriiError } from '../errors.ts';
import type { BfdState } from '../model/bfd.ts';
import type { BfdLayout } from '../net.ts';

/** By the number that RFC 5880 4.1 gives them. */
const states: readonly BfdState[] = ['adminDown', 'down', 'init', 'up'];

const priorities = ['unknown', 'normal', 'nice', 'real-time'] as const;
export type BfdPriority = (typeof priorities)[number];

export interface BfdSessionWords {
  readonly state: BfdState;
  readonly remoteState: BfdState;
  readonly lastDiagnostic: number;
  readonly remoteDiagnostic: number;
  readonly sendIntervalMs: number;
  /** 0 while nobody is heard. */
  readonly detectTimeMs: number;
  readonly failures: number;
  readonly flaps: number;
  readonly sent: number;
  readonly received: number;
  readonly discarded: number;
  /** errno; 0: none. */
  readonly sendError: number;
}

export class BfdWords {
  readonly #layout: BfdLayout;
  readonly #words: BigUint64Array;

  constructor(layout: BfdLayout, words: ArrayBuffer) {
    this.#layout = layout;
    this.#words = new BigUint64Array(words);
  }

  get priority(): BfdPriority {
    return priorities[this.#speaker('priority')] ?? 'unknown';
  }

  /** errno of the receiving socket of a family; 0: none. */
  receiveError(family: 4 | 6): number {
    return this.#speaker(family === 4 ? 'error4' : 'error6');
  }

  /** Says that this thread is alive. */
  beat(): void {
    Atomics.add(this.#words, this.#speakerWord('beat'), 1n);
  }

  /** How many sessions this slot has had. Its words are those of the last one. */
  begun(slot: number): number {
    return this.#session(slot, 'begun');
  }

  /** How many of them are over. */
  ended(slot: number): number {
    return this.#session(slot, 'ended');
  }

  session(slot: number): BfdSessionWords {
    const read = (name: string): number => this.#session(slot, name);
    return {
      state: states[read('state')] ?? 'down',
      remoteState: states[read('remoteState')] ?? 'down',
      lastDiagnostic: read('lastDiagnostic'),
      remoteDiagnostic: read('remoteDiagnostic'),
      sendIntervalMs: read('sendIntervalUs') / 1000,
      detectTimeMs: read('detectionUs') / 1000,
      failures: read('failures'),
      flaps: read('flaps'),
      sent: read('sent'),
      received: read('received'),
      discarded: read('discarded'),
      sendError: read('sendError'),
    };
  }

  /** By reason; `kernel`: hop limit below 255, or no room in the socket's buffer. */
  discards(): Record<string, number> {
    const { discards, firstDiscard } = this.#layout;
    const counts = discards.map((reason, i) => [reason, this.#read(firstDiscard + i)] as const);
    return { ...Object.fromEntries(counts), kernel: this.#speaker('unread') };
  }

  #speaker(name: string): number {
    return this.#read(this.#speakerWord(name));
  }

  #speakerWord(name: string): number {
    return known(this.#layout.speaker, name);
  }

  #session(slot: number, name: string): number {
    const { firstSession, sessionWords, session } = this.#layout;
    return this.#read(firstSession + slot * sessionWords + known(session, name));
  }

  #read(word: number): number {
    return Number(Atomics.load(this.#words, word));
  }
}

function known(words: Readonly<Record<string, number>>, name: string): number {
  const word = words[name];
  if (word === undefined) {
    throw new ToriiError(
      'addon_mismatch',
      `expected a BFD word "${name}", got ${Object.keys(words).join(', ')}; run \`npm run build\``,
    );
  }
  return word;
}
