// The speaker that the document asks for, and the change from one to the other while the daemon runs. Runs in the bgp worker.
//
// A router takes one session from this host, so the old speaker's have ended before the new one starts.

import type { Advertisement, PeerStatus, Speaker, SpeakerConfig } from '../model/peer.ts';
import type { JournalEntry } from './journal.ts';

/** What the worker asks of a speaker. */
export interface WorkerSpeaker extends Speaker {
  troubles(): readonly string[];
  bfdDiscards(): Readonly<Record<string, number>>;
  messages(peer: string): readonly JournalEntry[] | undefined;
  configure(config: SpeakerConfig): void;
}

export class ChosenSpeaker implements WorkerSpeaker {
  readonly #make: (config: SpeakerConfig) => WorkerSpeaker;
  #config: SpeakerConfig;
  /** Undefined before the first set(): no route may mean none yet, and a router that is told so drops what it had. */
  #routes: readonly Advertisement[] | undefined;
  #speaker: WorkerSpeaker;
  #change: Promise<void> | undefined;
  #isLeaving = false;

  constructor(config: SpeakerConfig, make: (config: SpeakerConfig) => WorkerSpeaker) {
    this.#make = make;
    this.#config = config;
    this.#speaker = make(config);
  }

  set(advertisements: readonly Advertisement[]): void {
    this.#routes = advertisements;
    this.#speaker.set(advertisements);
  }

  peers(): readonly PeerStatus[] {
    return this.#speaker.peers();
  }

  troubles(): readonly string[] {
    return this.#speaker.troubles();
  }

  bfdDiscards(): Readonly<Record<string, number>> {
    return this.#speaker.bfdDiscards();
  }

  messages(peer: string): readonly JournalEntry[] | undefined {
    return this.#speaker.messages(peer);
  }

  configure(config: SpeakerConfig): void {
    const isAnother = config.implementation !== this.#config.implementation;
    this.#config = config;
    // A change under way looks at the document when the old sessions have ended.
    if (this.#change !== undefined) return;
    if (isAnother) this.#change = this.#replace();
    else this.#speaker.configure(config);
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    await this.#change;
    await this.#speaker.leave();
  }

  async close(graceful: boolean): Promise<void> {
    this.#isLeaving = true;
    await this.#change;
    await this.#speaker.close(graceful);
  }

  async #replace(): Promise<void> {
    await this.#speaker.close(false);
    this.#change = undefined;
    if (this.#isLeaving) return;
    this.#speaker = this.#make(this.#config);
    if (this.#routes !== undefined) this.#speaker.set(this.#routes);
  }
}
