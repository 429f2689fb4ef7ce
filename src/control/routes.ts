// Desired VIPs → the routes to announce: one per prefix, however many VIPs it stands for. Pure.
//
// A VIP's route is its tenant's aggregate where one holds it, else its own prefix; a blackhole's is always its own. A route is
// announced while any of its VIPs is; the others' packets are dropped with their reason. The VIPs of one prefix have one set of
// attributes (config/announce-rules.ts), an aggregate has its tenant's, so neither changes with health.

import { parsePrefix } from '../model/address.ts';
import type { Desired, RoutedVip } from '../model/desired.ts';
import type { Advertisement, Policy } from '../model/peer.ts';
import { PrefixMap, prefixText } from '../model/prefix-map.ts';

export interface PlannedRoute extends Omit<Advertisement, 'withoutPath'> {
  /** Some VIP that it is announced for is forwarded by the packet path. */
  readonly usesPath: boolean;
}

/** What a VIP's route is made of: the same in the document and in desired state. */
type Routable = Pick<RoutedVip, 'prefix' | 'aggregate' | 'isBlackhole'>;

/** "203.0.113.10/32" */
export function routeOf({ prefix, aggregate, isBlackhole }: Routable): string {
  return aggregate === null || isBlackhole ? prefixText(prefix) : aggregate.prefix;
}

/** The attributes of that route. */
export function routePolicyOf({ policy, aggregate, isBlackhole }: RoutedVip): Policy {
  return aggregate === null || isBlackhole ? policy : aggregate.policy;
}

export function routesOf({ vips, localVips }: Desired): readonly PlannedRoute[] {
  const routes = new Map<string, Gathered>();
  // Where an address changes its mode, the leaving VIP comes last.
  for (const vip of localVips) gather(routes, vip, false);
  for (const vip of vips) gather(routes, vip, !vip.isBlackhole);
  return [...routes.values()].filter(({ isAnnounced, isDraining }) => isAnnounced || isDraining).map(routeFrom);
}

/** Most routes are plain ones, and there may be ten thousand: only the others pay for more keys. */
function routeFrom({ prefix, policy, isBlackhole, isAnnounced, usesPath }: Gathered): PlannedRoute {
  if (isAnnounced && !isBlackhole) return { prefix, policy, usesPath };
  const draining = isAnnounced ? {} : { draining: true };
  return { prefix, policy, ...draining, ...(isBlackhole ? { blackhole: true } : {}), usesPath };
}

interface Gathered {
  readonly prefix: string;
  readonly policy: Policy;
  readonly isBlackhole: boolean;
  isAnnounced: boolean;
  isDraining: boolean;
  usesPath: boolean;
}

function gather(routes: Map<string, Gathered>, vip: RoutedVip, isForwarded: boolean): void {
  const { announce, isBlackhole } = vip;
  const isAnnounced = announce.kind === 'announce';
  const isDraining = announce.kind === 'draining';
  const usesPath = isForwarded && (isAnnounced || isDraining);
  const prefix = routeOf(vip);
  const known = routes.get(prefix);
  if (known === undefined) {
    routes.set(prefix, { prefix, policy: routePolicyOf(vip), isBlackhole, isAnnounced, isDraining, usesPath });
    return;
  }
  known.isAnnounced ||= isAnnounced;
  known.isDraining ||= isDraining;
  known.usesPath ||= usesPath;
}

function allVips({ vips, localVips }: Desired): readonly RoutedVip[] {
  return [...localVips, ...vips];
}

/** Routes of `before` that `after` lacks because of health alone: the ones that a hold-down is for. */
export function lostByHealth(before: readonly Advertisement[], after: Desired): readonly string[] {
  const causes = new Map<string, boolean>();
  for (const vip of allVips(after)) {
    const byHealth = vip.announce.kind === 'withheld' && vip.announce.by === 'health';
    const prefix = routeOf(vip);
    causes.set(prefix, byHealth && causes.get(prefix) !== false);
  }
  return before.map(({ prefix }) => prefix).filter((prefix) => causes.get(prefix) === true);
}

/**
 * Of the routes that go, those that a document ends while others take their place, such as an aggregate that of its VIPs:
 * these go once the others are told, so that no packet finds no route.
 */
export function replacedOf(
  lost: readonly Advertisement[],
  after: Desired,
  wanted: readonly Advertisement[],
): ReadonlySet<string> {
  if (lost.length === 0) return new Set();
  const kept = new Set(allVips(after).flatMap((vip) => (isGone(vip) ? [] : [routeOf(vip)])));
  const ended = lost.filter(({ prefix }) => !kept.has(prefix));
  const usable = wanted.filter(({ blackhole }) => blackhole !== true);
  if (ended.length === 0 || usable.length === 0) return new Set();
  const [byEnded, byUsable] = [mapOf(ended), mapOf(usable)];
  const covered = ended.filter(({ prefix }) => coveringOf(byUsable, prefix).length > 0);
  const covering = usable.flatMap(({ prefix }) => coveringOf(byEnded, prefix));
  return new Set([...covered.map(({ prefix }) => prefix), ...covering]);
}

function isGone({ announce }: RoutedVip): boolean {
  return announce.kind === 'withheld' && announce.by === 'document';
}

function mapOf(routes: readonly Advertisement[]): PrefixMap<string> {
  const map = new PrefixMap<string>();
  for (const { prefix: text } of routes) {
    const prefix = parsePrefix(text);
    if (prefix !== undefined) map.set(prefix, text);
  }
  return map;
}

function coveringOf(map: PrefixMap<string>, text: string): readonly string[] {
  const prefix = parsePrefix(text);
  return prefix === undefined ? [] : map.covering(prefix);
}
