// A route that health has withdrawn is not announced again before holdDownMs have passed since the withdrawal: it acts
// on all nodes at once, and routers need not see every flap. Pure: time comes in as a number.
//
// Only health is damped: the first announcement and documents are free (BGP.md, settled details). An operator's word withdraws
// and announces at once, too, but does not end what health holds down: a drain is not about another VIP's flapping backend.

export const holdDownMs = 3000;

/** Route → when it may be announced again. */
export type HeldDown = ReadonlyMap<string, number>;

export const nothingHeld: HeldDown = new Map();

export function holdDown(held: HeldDown, prefixes: readonly string[], nowMs: number): HeldDown {
  if (prefixes.length === 0) return held;
  return new Map([...held, ...prefixes.map((prefix) => [prefix, nowMs + holdDownMs] as const)]);
}

export function stillHeld(held: HeldDown, nowMs: number): HeldDown {
  const left = [...held].filter(([, untilMs]) => untilMs > nowMs);
  return left.length === held.size ? held : new Map(left);
}

/** When the next of them ends; null when none is held. */
export function nextEndMs(held: HeldDown): number | null {
  return held.size === 0 ? null : Math.min(...held.values());
}
