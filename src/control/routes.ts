// Desired VIPs → the routes to announce: one per address, however many VIPs it has. Pure.
//
// An address is announced while any of its VIPs is; the others' packets are dropped with their reason. Its attributes
// are those of its first VIP by name, announced or not, so that they do not change with health.

import type { Desired, RoutedVip } from '../model/desired.ts';
import type { Advertisement } from '../model/peer.ts';

export function routesOf(desired: Desired): readonly Advertisement[] {
  const routes = new Map<string, { readonly route: Advertisement; isAnnounced: boolean }>();
  for (const vip of routedVips(desired)) {
    const prefix = routeOf(vip);
    const known = routes.get(prefix);
    const isAnnounced = vip.announce.kind === 'announce';
    if (known === undefined) routes.set(prefix, { route: { prefix, policy: vip.policy }, isAnnounced });
    else known.isAnnounced ||= isAnnounced;
  }
  return [...routes.values()].filter(({ isAnnounced }) => isAnnounced).map(({ route }) => route);
}

/** Of both modes; where an address changes its mode, the leaving one comes last. */
function routedVips({ vips, localVips }: Desired): readonly RoutedVip[] {
  return [...localVips, ...vips];
}

/** "203.0.113.10/32" */
export function routeOf({ prefix }: RoutedVip): string {
  return `${prefix.address}/${prefix.length}`;
}

/** Routes of `before` that `after` lacks because of health alone: the ones that a hold-down is for. */
export function lostByHealth(before: readonly Advertisement[], after: Desired): readonly string[] {
  const causes = new Map<string, boolean>();
  for (const vip of routedVips(after)) {
    const byHealth = vip.announce.kind === 'withheld' && vip.announce.by === 'health';
    const prefix = routeOf(vip);
    causes.set(prefix, byHealth && causes.get(prefix) !== false);
  }
  return before.map(({ prefix }) => prefix).filter((prefix) => causes.get(prefix) === true);
}
