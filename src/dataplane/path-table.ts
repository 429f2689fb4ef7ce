// Reads in place what ICMP told of the ways to backends, for `torii explain`. Read only; any worker may write meanwhile.

import type { LearnedMtu } from '../steering/explain-way.ts';
import type { DataplaneAddon, EngineId } from './addon.ts';

/** PATH_SECONDS of native/core/path.h (RFC 1191 6.3). */
const learnedSec = 600;
const nsPerSec = 1_000_000_000n;
const secondMask = 0xffffffffn;

export class PathTable {
  readonly #addon: DataplaneAddon;
  /** A word a backend: MTU << 32 | the second in which it was told; 0: nothing. */
  readonly #words: BigUint64Array;

  constructor(addon: DataplaneAddon, engine: EngineId) {
    this.#addon = addon;
    this.#words = new BigUint64Array(addon.view(engine, addon.layout().tables['PATHS'] ?? -1));
  }

  /** Of a backend by its index; undefined: nothing that still counts. */
  learned(backend: number): LearnedMtu | undefined {
    const word = this.#words[backend] ?? 0n;
    const mtuBytes = Number(word >> 32n);
    const agoSec = Number((this.#addon.now() / nsPerSec - (word & secondMask)) & secondMask);
    return mtuBytes > 0 && agoSec < learnedSec ? { mtuBytes, agoSec } : undefined;
  }
}
