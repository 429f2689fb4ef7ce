// VIPs that a document no longer has stay in the tables, withheld, until routers have moved their traffic elsewhere
// (withdraw → grace → unload), while the rest of the new document is in force at once. Pure.
//
// A leaving VIP brings its tenant and pool along where the new document lacks those, too. Only routes that leave
// as a whole matter: while another VIP of an address or an aggregate stays, its route stays, and routers move nothing.

import type { Config } from '../config/config.ts';
import type { Desired } from '../model/desired.ts';
import { routeOf } from './routes.ts';
import type { Intent } from './store.ts';

export interface WithLeaving {
  readonly config: Config;
  /** Names of the VIPs in `config` that are not in the document. */
  readonly leaving: ReadonlySet<string>;
}

/** `next`, plus the VIPs of `loaded` (what the tables hold now) that it lacks. */
export function withLeaving(loaded: Config, next: Config): WithLeaving {
  if (loaded.vips === next.vips) return { config: next, leaving: new Set() };
  const staying = new Set(next.vips.map(({ name }) => name));
  const missing = loaded.vips.filter(({ name }) => !staying.has(name));
  if (missing.length === 0) return { config: next, leaving: new Set() };
  const kept = new Set(next.vips.map(routeOf));
  const gone = missing.filter((vip) => !kept.has(routeOf(vip)));
  if (gone.length === 0) return { config: next, leaving: new Set() };
  const tenants = new Set(gone.map(({ tenant }) => tenant));
  const pools = new Set(gone.map(({ pool }) => pool));
  return {
    config: {
      ...next,
      vips: merged(next.vips, gone),
      tenants: merged(
        next.tenants,
        loaded.tenants.filter(({ name }) => tenants.has(name)),
      ),
      pools: merged(
        next.pools,
        loaded.pools.filter(({ name }) => pools.has(name)),
      ),
    },
    leaving: new Set(gone.map(({ name }) => name)),
  };
}

/** Sorted by name; those of `next` win. */
function merged<Item extends { readonly name: string }>(next: readonly Item[], more: readonly Item[]): readonly Item[] {
  const names = new Set(next.map(({ name }) => name));
  return [...next, ...more.filter(({ name }) => !names.has(name))].sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
  );
}

export interface Resolved {
  readonly desired: Desired;
  readonly leaving: ReadonlySet<string>;
  readonly intent: Intent;
}

/** The desired state of what the document has: what is on its way out counts as gone. */
export function withoutLeaving({ desired, leaving, intent }: Resolved): Desired {
  if (leaving.size === 0) return desired;
  const { tenants, pools } = intent.document.config;
  const tenantNames = new Set(tenants.map(({ name }) => name));
  const poolNames = new Set(pools.map(({ name }) => name));
  return {
    ...desired,
    tenants: desired.tenants.filter(({ name }) => tenantNames.has(name)),
    vips: desired.vips.filter(({ name }) => !leaving.has(name)),
    pools: desired.pools.filter(({ name }) => poolNames.has(name)),
  };
}
