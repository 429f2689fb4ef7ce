// The BGP speaker as the document has it now: none, one, or one whose peers change. Keeps what should be announced, so
// that a speaker which a reload adds learns it at once. Main thread.

import { RemoteSpeaker } from '../bgp/remote-speaker.ts';
import { unheardReason } from '../control/reach.ts';
import type { PeerMessage, PeerStatus, SpeakerConfig } from '../model/peer.ts';

/** A speaker that nobody hears. */
const silent: SpeakerConfig = { localAs: 1, routerId: '0.0.0.1', drainSec: 0, peers: [] };

type ThreadOptions = ConstructorParameters<typeof RemoteSpeaker>[1];

export class SpeakerSlot {
  readonly #options: ThreadOptions;
  #speaker: RemoteSpeaker | null = null;
  #config: SpeakerConfig | null = null;
  /** Undefined until the first are known. */
  #routes: Uint8Array<ArrayBuffer> | undefined;
  #engine: number | undefined;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  /** Has the thread ready by the time that the document is read; configure() then says what it is to do, or ends it. */
  warmUp(): void {
    this.#speaker = new RemoteSpeaker(silent, this.#options);
  }

  configure(config: SpeakerConfig | null): void {
    this.#config = config;
    if (config === null) {
      void this.#speaker?.close(false);
      this.#speaker = null;
    } else if (this.#speaker === null) {
      this.#speaker = new RemoteSpeaker(config, this.#options);
      if (this.#engine !== undefined) this.#speaker.watch(this.#engine);
      if (this.#routes !== undefined) this.#speaker.setEncoded(this.#routes.slice());
    } else this.#speaker.configure(config);
  }

  /** As RemoteSpeaker says; for any speaker to come, too. */
  watch(engine: number): void {
    this.#engine = engine;
    this.#speaker?.watch(engine);
  }

  /** JSON of Advertisement[]. Ownership passes. */
  setEncoded(routes: Uint8Array<ArrayBuffer>): void {
    this.#routes = routes;
    this.#speaker?.setEncoded(routes.slice());
  }

  peers(): readonly PeerStatus[] {
    return this.#speaker?.peers() ?? [];
  }

  /** The last messages of one peer, oldest first; undefined when there is no such peer. */
  async messages(peer: string): Promise<readonly PeerMessage[] | undefined> {
    return this.#speaker?.messages(peer);
  }

  /** By family: why no router hears of its routes; null while one does. */
  unheard(): { readonly 4: string | null; readonly 6: string | null } {
    const peers = this.peers();
    return { 4: unheardReason(this.#config, peers, 4), 6: unheardReason(this.#config, peers, 6) };
  }

  troubles(): readonly string[] {
    return this.#speaker?.troubles() ?? [];
  }

  bfdDiscards(): Readonly<Record<string, number>> {
    return this.#speaker?.bfdDiscards() ?? {};
  }

  /** As Speaker says. */
  async leave(): Promise<void> {
    await this.#speaker?.leave();
  }

  async close(graceful: boolean): Promise<void> {
    await this.#speaker?.close(graceful);
  }
}
