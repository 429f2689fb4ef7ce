// The BGP speaker as the document has it now: none, one, or one whose peers change. Keeps what should be announced, so
// that a speaker which a reload adds learns it at once. Main thread.

import { RemoteSpeaker } from '../bgp/remote-speaker.ts';
import { unheardReason } from '../control/reach.ts';
import type { PeerStatus, SpeakerConfig } from '../model/peer.ts';

type ThreadOptions = ConstructorParameters<typeof RemoteSpeaker>[1];

export class SpeakerSlot {
  readonly #options: ThreadOptions;
  #speaker: RemoteSpeaker | null = null;
  #config: SpeakerConfig | null = null;
  #routes = new TextEncoder().encode('[]');

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  configure(config: SpeakerConfig | null): void {
    this.#config = config;
    if (config === null) {
      void this.#speaker?.close(false);
      this.#speaker = null;
    } else if (this.#speaker === null) {
      this.#speaker = new RemoteSpeaker(config, this.#options);
      this.#speaker.setEncoded(this.#routes.slice());
    } else this.#speaker.configure(config);
  }

  /** JSON of Advertisement[]. Ownership passes. */
  setEncoded(routes: Uint8Array<ArrayBuffer>): void {
    this.#routes = routes;
    this.#speaker?.setEncoded(routes.slice());
  }

  peers(): readonly PeerStatus[] {
    return this.#speaker?.peers() ?? [];
  }

  /** Why no router hears of any route; null while one does. */
  unheard(): string | null {
    return unheardReason(this.#config, this.peers());
  }

  troubles(): readonly string[] {
    return this.#speaker?.troubles() ?? [];
  }

  async close(graceful: boolean): Promise<void> {
    await this.#speaker?.close(graceful);
  }
}
