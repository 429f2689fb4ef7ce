// A token bucket in its textbook form: a level that grows with time up to the burst. The oracle of admission.
//
// Time is counted in ticks of 1/16 ns and a token costs a whole number of them, as in native/core/admit.h, so that both agree
// on every packet; the spec allows two percent. Full at start.

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

const ticksPerNs = 16n;
const ticksPerSecond = 16e9;

export class TokenBucket {
  #costTicks: bigint;
  #capacityTicks: bigint;
  #levelTicks: bigint;
  #atTicks: bigint;

  constructor(rate: Rate, nowNs: bigint) {
    this.#costTicks = costOf(rate);
    this.#capacityTicks = this.#costTicks * BigInt(rate.burst);
    this.#levelTicks = this.#capacityTicks;
    this.#atTicks = nowNs * ticksPerNs;
  }

  take(nowNs: bigint): boolean {
    this.#fill(nowNs);
    if (this.#levelTicks < this.#costTicks) return false;
    this.#levelTicks -= this.#costTicks;
    return true;
  }

  /** Another plan: the level stays, in tokens, and is cut to a smaller burst. */
  change(rate: Rate, nowNs: bigint): void {
    this.#fill(nowNs);
    const costTicks = costOf(rate);
    this.#levelTicks = (this.#levelTicks * costTicks) / this.#costTicks;
    this.#costTicks = costTicks;
    this.#capacityTicks = costTicks * BigInt(rate.burst);
    this.#levelTicks = smaller(this.#levelTicks, this.#capacityTicks);
  }

  #fill(nowNs: bigint): void {
    const nowTicks = nowNs * ticksPerNs;
    if (nowTicks > this.#atTicks) {
      this.#levelTicks = smaller(this.#levelTicks + nowTicks - this.#atTicks, this.#capacityTicks);
      this.#atTicks = nowTicks;
    }
  }
}

function costOf({ perSecond }: Rate): bigint {
  return BigInt(Math.round(ticksPerSecond / perSecond));
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
