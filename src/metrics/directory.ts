// Makes the directory of a generation for metrics: what is desired, under the indices that compile() gave. Pure; runs in
// the config worker, which sends it on as JSON bytes.

import { backendKey, type Health } from '../model/backend.ts';
import type { Desired, RoutedVip } from '../model/desired.ts';
import type { MetricsDirectory, TableChecksums } from './sources.ts';

type ByName = ReadonlyMap<string, { readonly index: number }>;

export interface DirectoryParams {
  readonly desired: Desired;
  readonly generation: number;
  /** Null on a node without a packet path. */
  readonly indices: {
    readonly vips: ByName;
    /** By backendKey(). */
    readonly backends: ByName;
    readonly tenants: ByName;
  } | null;
  /** By pool; a pool that never had a usable backend has none. */
  readonly tables: ReadonlyMap<string, TableChecksums>;
}

export function makeDirectory({ desired, generation, indices, tables }: DirectoryParams): MetricsDirectory {
  return {
    revision: desired.revision,
    generation,
    vips: [
      ...desired.vips.map((vip) => vipEntry(vip, indices?.vips.get(vip.name)?.index ?? 0, null)),
      ...desired.localVips.map((vip) => vipEntry(vip, 0, vip.health)),
    ],
    backends: desired.pools.flatMap(({ backends }) =>
      backends.map(({ pool, address, weight, health, takesNewFlows }) => {
        const index = indices?.backends.get(backendKey(pool, address))?.index ?? 0;
        return { index, pool, address, weight, health, takesNewFlows };
      }),
    ),
    tenants: desired.tenants.map(({ name, plan }) => {
      return { index: indices?.tenants.get(name)?.index ?? 0, tenant: name, cps: plan?.cps ?? null, burst: plan?.burst ?? null };
    }),
    pools: desired.pools.map(({ name, tableSize, usable }) => ({
      pool: name,
      tableSize,
      usable,
      checksums: tables.get(name) ?? null,
    })),
  };
}

/** A local VIP has no index: the packet path does not know it. */
function vipEntry(
  { name, tenant, announce, isBlackhole }: RoutedVip,
  index: number,
  health: Health | null,
): MetricsDirectory['vips'][number] {
  return { index, vip: name, tenant, announced: announce.kind !== 'withheld', blackholed: isBlackhole, health };
}
