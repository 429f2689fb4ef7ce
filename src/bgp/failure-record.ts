// Why one peer has no session: what is shown, and what is worth a line in the log. Pure.
//
// A router that refused us with a NOTIFICATION closes the next connections without a word, or takes none, and one that is away
// fails the same few ways every few seconds. Neither may hide the cause or fill the log.

import type { PeerError } from '../model/peer.ts';
import { errorCode } from './constants.ts';
import type { FsmAction } from './fsm-types.ts';
import { describeNotification } from './notification.ts';

/** A peer that thinks up new words each time must not cost memory. */
const rememberedFailures = 16;

export class FailureRecord {
  #lastError: PeerError | null = null;
  /** The NOTIFICATION that said why there is no session: how the next tries fail says less. */
  #cause: PeerError | null = null;
  /** Failures that were logged since the last session. */
  readonly #said = new Set<string>();

  get lastError(): PeerError | null {
    return this.#lastError;
  }

  established(): void {
    this.#cause = null;
    this.#said.clear();
  }

  /** The line to log, or null where it has been said. */
  ended({ ending, wasEstablished, link }: Extract<FsmAction, { readonly kind: 'ended' }>, at: string): string | null {
    const { direction, notification } = ending;
    const said = notification === undefined ? '' : describeNotification(notification);
    const words = [said, said.endsWith(ending.text) ? '' : ending.text];
    const text = words.filter((part) => part !== '').join(': ');
    const { code, subcode } = notification ?? { code: 0, subcode: 0 };
    const error = { direction, code, subcode, text, at };
    if (notification !== undefined || wasEstablished) {
      this.#lastError = error;
      const isOwnDoing = direction === 'sent' && code === errorCode.cease;
      this.#cause = notification === undefined || isOwnDoing ? null : error;
    } else if (link === undefined) {
      // That the router cannot be reached at all is news, but what it said when it could be is not forgotten.
      this.#lastError = { ...error, text: [text, ...this.#before()].join('; ') };
    } else this.#lastError = this.#cause ?? error;
    if (wasEstablished) return `session lost (${direction}): ${text}`;
    return this.#isNews(`${direction} ${text}`) ? `no session (${direction}): ${text}` : null;
  }

  #before(): readonly string[] {
    if (this.#cause === null) return [];
    const { direction, code, subcode, text } = this.#cause;
    return [`before that ${direction} ${code}/${subcode} ${text}`];
  }

  /** A call that was turned away at the door: the line to log, or null where it has been said. */
  refused(text: string, at: string): string | null {
    this.#lastError = { direction: 'local', code: 0, subcode: 0, text, at };
    return this.#isNews(`refused ${text}`) ? `call refused: ${text}` : null;
  }

  #isNews(failure: string): boolean {
    if (this.#said.has(failure)) return false;
    if (this.#said.size === rememberedFailures) this.#said.clear();
    this.#said.add(failure);
    return true;
  }
}
