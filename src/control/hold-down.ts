// A route that health has withdrawn is not announced again at once: it acts on all nodes alike, and routers need not see
// every flap. Pure: time comes in as a number.
//
// The hold counts from the withdrawal: 1 s the first time, which a check's own `rise` mostly takes anyway, doubled with each
// further withdrawal up to 5 s, and 1 s again after a minute without one. Only health is damped: the first announcement and
// documents are free (docs/bgp.md). An operator's word withdraws and announces at once, too, but does not end what
// health holds down: a drain is not about another VIP's flapping backend.

export const holdDownMs = { first: 1000, limit: 5000 } as const;
/** Without a withdrawal for so long a route counts as calm again. */
export const calmMs = 60_000;

export interface Withdrawals {
  /** By health, none of them calmMs apart. */
  readonly count: number;
  readonly latestMs: number;
  /** When it may be announced again. */
  readonly untilMs: number;
}

/** By route; those that are calm again may be missing. */
export type HeldDown = ReadonlyMap<string, Withdrawals>;

export const nothingHeld: HeldDown = new Map();

/** Health has withdrawn these. */
export function holdDown(held: HeldDown, prefixes: readonly string[], nowMs: number): HeldDown {
  if (prefixes.length === 0) return held;
  const next = new Map([...held].filter(([, { latestMs }]) => nowMs - latestMs < calmMs));
  for (const prefix of prefixes) {
    const count = (next.get(prefix)?.count ?? 0) + 1;
    const waitMs = Math.min(holdDownMs.limit, holdDownMs.first * 2 ** (count - 1));
    next.set(prefix, { count, latestMs: nowMs, untilMs: nowMs + waitMs });
  }
  return next;
}

/** Ends what is held, but for the routes in `except`; how often they flapped stays known. */
export function released(held: HeldDown, except: ReadonlySet<string>, nowMs: number): HeldDown {
  return new Map(
    [...held].map(([prefix, each]) => [prefix, except.has(prefix) ? each : { ...each, untilMs: Math.min(each.untilMs, nowMs) }]),
  );
}

export function isHeld(held: HeldDown, prefix: string, nowMs: number): boolean {
  return (held.get(prefix)?.untilMs ?? nowMs) > nowMs;
}

/** When the next hold ends; null when none is on. */
export function nextEndMs(held: HeldDown, nowMs: number): number | null {
  let next: number | null = null;
  for (const { untilMs } of held.values()) if (untilMs > nowMs && (next === null || untilMs < next)) next = untilMs;
  return next;
}

/** Those that are held now, each with the reason in words. */
export function heldReasons(held: HeldDown, nowMs: number): readonly (readonly [prefix: string, reason: string])[] {
  return [...held].flatMap(([prefix, { count, untilMs }]) => {
    if (untilMs <= nowMs) return [];
    const cause = count === 1 ? 'after a withdrawal by health' : `after flapping (${count} withdrawals by health)`;
    return [[prefix, `held down ${Math.ceil((untilMs - nowMs) / 1000)} s more ${cause}`] as const];
  });
}
