// The guard against a document that was cut short or generated from nothing: one that loses more than half of the
// VIPs or of the backends is refused unless forced. Pure.
//
// Backends count by address, so that renaming a pool loses nothing.

import type { Config, PoolConfig } from '../config/config.ts';

/** Null when the new document may be applied, else why not and what to do. */
export function guard(old: Config, next: Config): string | null {
  const losses = [
    hasSameVips(old, next) ? null : lossOf(vipNames(old), vipNames(next), 'VIPs'),
    hasSameBackends(old, next) ? null : lossOf(backendsOf(old), backendsOf(next), 'backends'),
  ].filter((loss) => loss !== null);
  if (losses.length === 0) return null;
  return `expected a document that keeps at least half of the VIPs and backends, got one without ${losses.join(' and ')}; run: torii reload --force`;
}

function lossOf(old: readonly string[], next: readonly string[], noun: string): string | null {
  if (old.length === next.length && old.every((name, i) => next[i] === name)) return null;
  const kept = new Set(next);
  const before = new Set(old);
  const lost = [...before].filter((name) => !kept.has(name)).length;
  return lost * 2 > before.size ? `${lost} of ${before.size} ${noun}` : null;
}

/** Mostly a document has the lists of the one before. */
function hasSameVips(old: Config, next: Config): boolean {
  return old.vips === next.vips && old.localVips === next.localVips;
}

export function hasSameBackends({ pools: old }: Config, { pools: next }: Config): boolean {
  return old.length === next.length && old.every((pool, i) => isAddressedAlike(pool, next[i]));
}

function isAddressedAlike(a: PoolConfig, b: PoolConfig | undefined): boolean {
  if (a === b) return true;
  return a.backends.length === b?.backends.length && a.backends.every(({ address }, i) => b.backends[i]?.address === address);
}

function vipNames({ vips, localVips }: Config): readonly string[] {
  return [...vips, ...localVips].map(({ name }) => name);
}

function backendsOf({ pools }: Config): readonly string[] {
  return pools.flatMap(({ backends }) => backends.map(({ address }) => address));
}
