// A speaker and one router on loopback, over real sockets.

import { type Clock, systemClock } from '../../../../src/bgp/clock.ts';
import { BgpSpeaker } from '../../../../src/bgp/speaker.ts';
import type { PeerConfig, PeerStatus, SpeakerConfig } from '../../../../src/model/peer.ts';
import { HostileRouter } from './hostile-router.ts';

/** Only the speaker's waiting is a hundred times shorter. */
export const hasty: Clock = { ...systemClock, after: (delayMs, run) => systemClock.after(delayMs / 100, run) };

export class LoopbackBed {
  readonly router: HostileRouter;
  readonly #address: string;
  #speaker: BgpSpeaker | undefined;
  #changed: () => void = () => undefined;

  private constructor(router: HostileRouter, address: string) {
    this.router = router;
    this.#address = address;
  }

  static async start(address = '127.0.0.1'): Promise<LoopbackBed> {
    return new LoopbackBed(await HostileRouter.start(address), address);
  }

  get speaker(): BgpSpeaker {
    if (this.#speaker === undefined) throw new Error('speak() comes first');
    return this.#speaker;
  }

  peer(overrides: Partial<PeerConfig> = {}): PeerConfig {
    return {
      address: this.#address,
      port: this.router.port,
      as: 65000,
      passive: false,
      holdTimeSec: 9,
      connectRetrySec: 1,
      policy: {},
      ...overrides,
    };
  }

  speak(overrides: Partial<SpeakerConfig> = {}, clock: Clock = systemClock): BgpSpeaker {
    this.#speaker = new BgpSpeaker(
      { localAs: 65010, routerId: '10.66.0.11', drainSec: 0, peers: [this.peer()], ...overrides },
      { onChange: () => this.#changed(), onLog: () => undefined, clock },
    );
    return this.#speaker;
  }

  /** The first state of a peer that fits. */
  async status(fits: (peer: PeerStatus) => boolean): Promise<PeerStatus> {
    for (;;) {
      const found = this.speaker.peers().find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async close(): Promise<void> {
    await this.#speaker?.close(false);
    this.router.close();
  }
}
