// What becomes of a VIP's route: what its health, or its service's, would have announced, against what people said. Pure.
//
// A route is withheld for the first reason that holds: leaving the document, maintenance, hold, then what is observed. A word
// that was just said lets the route drain first: told with a lower preference until routers have moved its traffic. A
// blackhole is announced whatever is observed. One address is one route, so a hold on one of its VIPs holds them all; one on
// a VIP of an aggregate holds that VIP, while the aggregate stays for the others.

import type { Config, RoutedVipConfig } from '../config/config.ts';
import type { AnnounceState, WithheldBy } from '../model/desired.ts';
import { prefixText } from '../model/prefix-map.ts';
import { nodeTarget, type Override, type Overrides, overrideKey, wordsOf } from './overrides.ts';
import { routeOf } from './routes.ts';

export interface RouteInput {
  readonly config: Config;
  readonly overrides: Overrides;
  /** Names of VIPs that have left the document, kept until routers have moved their traffic (leaving.ts). */
  readonly leaving: ReadonlySet<string>;
  /** Pools whose backends are still being looked at for the first time (warm-up.ts): their VIPs wait. */
  readonly warming: ReadonlySet<string>;
  /** Keys of overrides whose routes routers are still asked to move away from (draining.ts). */
  readonly draining: ReadonlySet<string>;
  /** Routes that routers may have. */
  readonly announced: ReadonlySet<string>;
}

/** What the states of all VIPs have in common. */
export interface RouteScope extends RouteInput {
  readonly maintenance: Override | undefined;
  /** Own prefix of a VIP → the hold on one of its VIPs, and which. */
  readonly holds: ReadonlyMap<string, { readonly hold: Override; readonly vip: string }>;
  /** Aggregates that wait for VIPs inside, with the reason in words. */
  readonly waiting: ReadonlyMap<string, string>;
}

export function routeScope(input: RouteInput): RouteScope {
  const maintenance = input.overrides.get(overrideKey('maintenance', nodeTarget));
  return { ...input, maintenance, holds: holdsOf(input), waiting: waitingOf(input) };
}

/** `observed` is what health alone would have. */
export function announceState(vip: RoutedVipConfig, observed: AnnounceState, scope: RouteScope): AnnounceState {
  if (scope.leaving.has(vip.name)) return withheld('document', 'removed from the document');
  const unsaid = withoutWords(vip, observed, scope);
  const words = wordsAgainst(vip, scope);
  const [first] = words;
  if (first === undefined) return unsaid;
  const isDraining = words.every(({ key }) => scope.draining.has(key)) && scope.announced.has(routeOf(vip));
  const { reason } = first;
  return isDraining && unsaid.kind === 'announce' ? { kind: 'draining', reason } : withheld('operator', reason);
}

export function withheld(by: WithheldBy, reason: string): AnnounceState {
  return { kind: 'withheld', by, reason };
}

function withoutWords(vip: RoutedVipConfig, observed: AnnounceState, { waiting }: RouteScope): AnnounceState {
  if (vip.isBlackhole) return { kind: 'announce' };
  const wait = vip.aggregate === null ? undefined : waiting.get(vip.aggregate.prefix);
  return observed.kind === 'announce' && wait !== undefined ? withheld('health', wait) : observed;
}

interface Word {
  /** Of its override. */
  readonly key: string;
  readonly reason: string;
}

function wordsAgainst(vip: RoutedVipConfig, { maintenance, holds }: RouteScope): readonly Word[] {
  const words: Word[] = [];
  if (maintenance !== undefined) {
    words.push({ key: overrideKey('maintenance', nodeTarget), reason: `maintenance by ${wordsOf(maintenance)}` });
  }
  const held = holds.size === 0 ? undefined : holds.get(prefixText(vip.prefix));
  if (held !== undefined) {
    words.push({ key: overrideKey('hold', held.hold.target), reason: `held by ${wordsOf(held.hold)} (${held.vip})` });
  }
  return words;
}

function holdsOf({ config, overrides }: RouteInput): RouteScope['holds'] {
  const byTarget = new Map([...overrides.values()].filter(({ kind }) => kind === 'hold').map((each) => [each.target, each]));
  const holds = new Map<string, { hold: Override; vip: string }>();
  if (byTarget.size === 0) return holds;
  for (const { name, prefix } of [...config.vips, ...config.localVips]) {
    const hold = byTarget.get(name);
    const text = prefixText(prefix);
    if (hold !== undefined && !holds.has(text)) holds.set(text, { hold, vip: name });
  }
  return holds;
}

/**
 * A node that announces an aggregate takes the traffic of all VIPs inside, so at first it waits for the pools of all: else it
 * would steer some by another table than its neighbours do. An aggregate that routers have stays when a new VIP joins.
 */
function waitingOf({ config, warming, announced, leaving }: RouteInput): ReadonlyMap<string, string> {
  const waiting = new Map<string, string>();
  if (warming.size === 0) return waiting;
  for (const { name, pool, aggregate, isBlackhole } of config.vips) {
    if (aggregate === null || isBlackhole || !warming.has(pool) || leaving.has(name) || announced.has(aggregate.prefix)) continue;
    if (!waiting.has(aggregate.prefix)) {
      waiting.set(aggregate.prefix, `${aggregate.prefix} waits for the first checks in pool ${pool} (${name})`);
    }
  }
  return waiting;
}
