// Values by prefix, found by what lies inside: the aggregate of a VIP, a route that another one covers. Pure.
//
// A look-up costs one step for each different length in the map, however many prefixes there are.

import { type Family, familyOf, maskAddress, type Prefix } from './address.ts';

export class PrefixMap<Value> {
  readonly #values = new Map<string, Value>();
  /** In use, longest first. */
  readonly #lengths: Record<Family, readonly number[]> = { 4: [], 6: [] };

  get size(): number {
    return this.#values.size;
  }

  get(prefix: Prefix): Value | undefined {
    return this.#values.get(prefixText(prefix));
  }

  /** Replaces the value of an equal prefix. */
  set(prefix: Prefix, value: Value): void {
    const family = familyOf(prefix.address);
    const lengths = this.#lengths[family];
    if (!lengths.includes(prefix.length)) this.#lengths[family] = [...lengths, prefix.length].sort((a, b) => b - a);
    this.#values.set(prefixText(prefix), value);
  }

  /** Of every prefix that holds all of this one, the equal one too; the longest first. */
  covering(prefix: Prefix): readonly Value[] {
    const found: Value[] = [];
    for (const length of this.#lengths[familyOf(prefix.address)]) {
      if (length > prefix.length) continue;
      const address = length === prefix.length ? prefix.address : maskAddress(prefix.address, length);
      const value = this.#values.get(prefixText({ address, length }));
      if (value !== undefined) found.push(value);
    }
    return found;
  }
}

/** "203.0.113.0/24"; a host prefix has its length, too. */
export function prefixText({ address, length }: Prefix): string {
  return `${address}/${length}`;
}
