// A VIP of mode local: is the service that this host runs for it there? Pure.
//
// No device, pool or next hop matters. Without a check its address is announced while the daemon runs; with one, not before
// the first row of probes has passed. A check that a document changes has no verdict yet: the route that routers have stays
// until it has one.

import type { LocalVipConfig } from '../config/config.ts';
import type { Health } from '../model/backend.ts';
import type { AnnounceState } from '../model/desired.ts';
import { vipHealthKey } from '../model/health-check.ts';
import type { Observed } from './desired-pool.ts';
import { routeOf } from './routes.ts';

export interface ServiceState {
  readonly health: Health;
  readonly announce: AnnounceState;
}

export interface ServiceSources {
  readonly observed: Observed;
  /** Routes that routers may have. */
  readonly announced: ReadonlySet<string>;
}

/** What the check says. Whether an operator or the document forbids the route comes before. */
export function serviceState(vip: LocalVipConfig, sources: ServiceSources): ServiceState {
  const { name, healthCheck } = vip;
  if (healthCheck === null) return { health: 'up', announce: { kind: 'announce' } };
  const observed = sources.observed.health.get(vipHealthKey(name, healthCheck)) ?? { health: 'unknown', reason: null };
  const stays = observed.health === 'unknown' && sources.announced.has(routeOf(vip));
  if (observed.health === 'up' || stays) return { health: observed.health, announce: { kind: 'announce' } };
  const { address, check } = healthCheck;
  const why = observed.reason ?? `first checks of ${check.kind} ${check.port} are under way`;
  const reason = `service at ${address} ${observed.health} (${why})`;
  return { health: observed.health, announce: { kind: 'withheld', by: 'health', reason } };
}
