// Keeps clients' segments small enough for the balancers' outer header.
//
// A client may send as much as our SYN-ACK's MSS allows. On a 1500-byte link such a packet plus the outer header no
// longer fits between balancer and backend; path MTU discovery would cure it one connection at a time, and not at all
// where ICMP is filtered. So the route towards the clients announces an MSS with the room left free (RFC 6691).
// That is done to the one default route of a family, and undone; where there are several, or it already has an MSS,
// the agent only says what to do: what those routes are for is the administrator's to know.

import type { Family } from '../model/address.ts';
import { run } from './commands.ts';
import type { RouteChange, UndoRecord } from './undo-record.ts';

const headerBytes: Readonly<Record<Family, number>> = { 4: 20 + 20, 6: 40 + 20 };

export interface MssAdvice {
  readonly family: Family;
  readonly advice: string;
}

/** Of the link that balancers reach this host by. */
export interface Room {
  readonly mtuBytes: number;
  readonly overheadBytes: number;
}

/** The MSS of the largest segment that still fits with the outer header around it. */
export function advertisedMss(family: Family, { mtuBytes, overheadBytes }: Room): number {
  return mtuBytes - overheadBytes - headerBytes[family];
}

/** What to do with a family's default routes, given as `ip route show default` lines. Pure. */
export function mssPlan(family: Family, routes: readonly string[], room: Room): RouteChange | MssAdvice | undefined {
  const advmssBytes = advertisedMss(family, room);
  const before = routes[0]?.trim();
  if (before === undefined || routes.every((route) => advmssOf(route) <= advmssBytes)) return undefined;
  // A multipath route is one line "default" and one "nexthop …" line each; what a router advertised is the kernel's.
  const isOurs = routes.length === 1 && !/\b(nexthop|nhid|advmss|expires|proto ra)\b/.test(before);
  return isOurs ? { family, before, advmssBytes } : adviceFor(family, routes, advmssBytes);
}

function adviceFor(family: Family, routes: readonly string[], advmssBytes: number): MssAdvice {
  return {
    family,
    advice: `give the routes towards clients "advmss ${advmssBytes}": ${routes.map((route) => route.trim()).join('; ')}`,
  };
}

/** Changes to make now, by the kernel's routes; not those that `advices` left to the administrator. */
export async function missingMss(
  families: readonly Family[],
  room: Room,
  advices: readonly MssAdvice[],
): Promise<readonly RouteChange[]> {
  const plans = await Promise.all(families.map(async (family) => mssPlan(family, await defaultRoutes(family), room)));
  return plans.flatMap((plan) => {
    if (plan === undefined || 'advice' in plan) return [];
    const refused = adviceFor(plan.family, [plan.before], plan.advmssBytes);
    return advices.some(({ advice }) => advice === refused.advice) ? [] : [plan];
  });
}

/** Returns what was left for the administrator to do. */
export async function applyMss(families: readonly Family[], room: Room, record: UndoRecord): Promise<readonly MssAdvice[]> {
  const advices: MssAdvice[] = [];
  for (const family of families) {
    const plan = mssPlan(family, await defaultRoutes(family), room);
    if (plan !== undefined && 'advice' in plan) advices.push(plan);
    else if (plan !== undefined && !(await changeRoute(plan, record)))
      advices.push(adviceFor(family, [plan.before], plan.advmssBytes));
  }
  return advices;
}

/** False when the kernel does not take the route as `ip` told it: then it stays as it is. */
async function changeRoute(plan: RouteChange, record: UndoRecord): Promise<boolean> {
  const known = record.changes.routes.filter((route) => route.family !== plan.family);
  record.update({ routes: [...known, plan] });
  try {
    await change(plan.family, `${plan.before} advmss ${plan.advmssBytes}`);
    return true;
  } catch {
    record.update({ routes: known });
    return false;
  }
}

/** Takes the MSS off the routes that still have ours. */
export async function undoMss(record: UndoRecord): Promise<void> {
  for (const { family, before, advmssBytes } of record.changes.routes) {
    const [now, ...others] = await defaultRoutes(family);
    const isOurs = others.length === 0 && now !== undefined && advmssOf(now) === advmssBytes;
    if (isOurs) await change(family, before);
  }
  record.update({ routes: [] });
}

function advmssOf(route: string): number {
  return Number(/\badvmss (\d+)/.exec(route)?.[1] ?? Infinity);
}

async function defaultRoutes(family: Family): Promise<readonly string[]> {
  const listing = await run(['ip', `-${family}`, 'route', 'show', 'default']);
  return listing.split('\n').filter((line) => line.trim() !== '');
}

async function change(family: Family, route: string): Promise<void> {
  await run(['ip', `-${family}`, 'route', 'change', ...route.split(/\s+/)]);
}
