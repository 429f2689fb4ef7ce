// The clock of a replay: the capture's own time stamps. Pure but for its own state.
//
// Never goes back: a stamp before the latest counts as the latest. A packet without a stamp comes with the one before it.
// To the engine a pause longer than maxPauseNs is that long: no flow outlives it whatever its VIP's timeouts, and the packet
// path's clock, made for uptimes of years, takes captures whose first stamp is 0 and whose second is of today.

const maxPauseNs = 8n * 86_400n * 1_000_000_000n;

export interface Moment {
  /** Since the first packet. */
  readonly sinceNs: bigint;
  /** Since 1970. */
  readonly stampNs: bigint;
}

export class CaptureClock {
  #originNs: bigint | null = null;
  #sinceNs = 0n;
  #engineAtNs = 0n;
  #engineNs = 0n;

  /** The latest moment so far, since the first packet. */
  get sinceNs(): bigint {
    return this.#sinceNs;
  }

  /** The moment at which a packet with this stamp is judged. */
  at(timeNs: bigint | null): Moment {
    if (timeNs !== null) {
      this.#originNs ??= timeNs;
      const sinceNs = timeNs - this.#originNs;
      if (sinceNs > this.#sinceNs) this.#sinceNs = sinceNs;
    }
    return { sinceNs: this.#sinceNs, stampNs: (this.#originNs ?? 0n) + this.#sinceNs };
  }

  /** The engine's time of a moment; moments must come in order. */
  engineNs(sinceNs: bigint): bigint {
    const pause = sinceNs - this.#engineAtNs;
    this.#engineNs += pause > maxPauseNs ? maxPauseNs : pause;
    this.#engineAtNs = sinceNs;
    return this.#engineNs;
  }
}
