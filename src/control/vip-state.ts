// What operators are told of each VIP's route: announced, leaving, a blackhole or withheld, and why. Pure.
//
// Desired state says what should be; that every worker has adopted it, that the packet path works, that no hold-down is on and
// that some router hears of it must come to that.

import { familyOf } from '../model/address.ts';
import type { Desired, RoutedVip } from '../model/desired.ts';
import type { VipView } from '../model/views.ts';
import type { NodeFacts } from './messages.ts';
import { type PlannedRoute, routeOf } from './routes.ts';

export interface StateSource {
  readonly facts: NodeFacts;
  readonly newest: RoutedState;
  /** What every worker has adopted; null before the first. */
  readonly applied: RoutedState | null;
}

export interface RoutedState {
  readonly desired: Desired;
  /** Of `desired`. */
  readonly routes: readonly PlannedRoute[];
}

export type VipState = Pick<VipView, 'state' | 'reason'>;

export function vipStates({ facts, newest, applied }: StateSource): (vip: RoutedVip) => VipState {
  const wanted = byPrefix(newest);
  const inForce = newest === applied ? wanted : applied === null ? new Map<string, PlannedRoute>() : byPrefix(applied);
  const known = new Set(applied === null ? [] : [...applied.desired.vips, ...applied.desired.localVips].map(({ name }) => name));
  const heldDown = new Map(facts.heldDown);

  /** Why nobody has the route that should be announced now; null while somebody does. */
  function hindrance(vip: RoutedVip, route: string): string | null {
    if (facts.blocked !== null && wanted.get(route)?.usesPath === true) return facts.blocked;
    if (newest !== applied && !(known.has(vip.name) && inForce.has(route))) return 'not yet adopted by every worker';
    return heldDown.get(route) ?? facts.unheard[familyOf(vip.prefix.address)];
  }

  return (vip) => {
    const { announce } = vip;
    const route = routeOf(vip);
    const reason = hindrance(vip, route);
    const isOut = announce.kind === 'withheld' || (announce.kind === 'draining' && wanted.get(route)?.draining !== true);
    if (!isOut) return reason === null ? announcedAs(vip) : { state: 'withheld', reason };
    const isDrawn = wanted.has(route) && inForce.has(route) && reason === null;
    const drawn = isDrawn ? `; ${route} stays announced for others, so its packets still come here` : '';
    return { state: 'withheld', reason: `${announce.reason}${drawn}` };
  };
}

function announcedAs({ announce, aggregate, isBlackhole }: RoutedVip): VipState {
  if (announce.kind === 'draining') {
    return { state: 'draining', reason: `${announce.reason}; routers are asked to prefer other ways before it is withdrawn` };
  }
  if (isBlackhole) return { state: 'blackhole', reason: 'announced as a blackhole: routers discard its packets' };
  return { state: 'announced', reason: aggregate === null ? null : `announced as ${aggregate.prefix}` };
}

function byPrefix({ routes }: RoutedState): ReadonlyMap<string, PlannedRoute> {
  return new Map(routes.map((route) => [route.prefix, route]));
}
