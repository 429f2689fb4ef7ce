// Makes the directory of a generation for metrics: what is desired, under the indices that compile() gave. Pure; runs in
// the config worker, which sends it on as JSON bytes.

import type { TableChecksums } from '../dataplane/tables.ts';
import { backendKey } from '../model/backend.ts';
import type { Desired } from '../model/desired.ts';
import type { Directory } from '../steering/snapshot.ts';
import type { MetricsDirectory } from './sources.ts';

export interface DirectoryParams {
  readonly desired: Desired;
  readonly generation: number;
  /** Null on a node without a packet path. */
  readonly compiled: Directory | null;
  /** Of a pool's tables; undefined before the first fill. */
  readonly checksums: (pool: string) => TableChecksums | undefined;
}

export function makeDirectory({ desired, generation, compiled, checksums }: DirectoryParams): MetricsDirectory {
  const vipIndex = new Map(compiled?.vips.map(({ name, index }) => [name, index]));
  const backendIndex = new Map(compiled?.backends.map(({ pool, address, index }) => [backendKey(pool, address), index]));
  const tenantIndex = new Map(compiled?.tenants.map(({ name, index }) => [name, index]));
  return {
    revision: desired.revision,
    generation,
    vips: desired.vips.map(({ name, tenant, announce }) => ({
      index: vipIndex.get(name) ?? 0,
      vip: name,
      tenant,
      announced: announce.kind === 'announce',
    })),
    backends: desired.pools.flatMap(({ backends }) =>
      backends.map(({ pool, address, weight, health, takesNewFlows }) => {
        const index = backendIndex.get(backendKey(pool, address)) ?? 0;
        return { index, pool, address, weight, health, takesNewFlows };
      }),
    ),
    tenants: desired.tenants.map(({ name, plan }) => {
      return { index: tenantIndex.get(name) ?? 0, tenant: name, cps: plan?.cps ?? null, burst: plan?.burst ?? null };
    }),
    pools: desired.pools.map(({ name, tableSize, usable }) => ({
      pool: name,
      tableSize,
      usable,
      checksums: checksums(name) ?? null,
    })),
  };
}
