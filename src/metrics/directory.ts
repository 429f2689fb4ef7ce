// Makes the directory of a generation out of what compile() knows. Pure; runs in the config worker, which sends it on
// as JSON bytes.

import { backendKey } from '../model/backend.ts';
import type { Desired } from '../model/desired.ts';
import type { Directory } from './sources.ts';

export interface Checksums {
  /** 16 hex digits each. */
  readonly fillChecksum: string;
  readonly tableChecksum: string;
}

export interface DirectoryParams {
  readonly desired: Desired;
  readonly generation: number;
  /** VIP name → index; likewise backendKey() and tenant name. What has no index is left out. */
  readonly vipIndex: ReadonlyMap<string, number>;
  readonly backendIndex: ReadonlyMap<string, number>;
  readonly tenantIndex: ReadonlyMap<string, number>;
  readonly checksums: ReadonlyMap<string, Checksums>;
}

export function makeDirectory(params: DirectoryParams): Directory {
  const { desired, generation, vipIndex, backendIndex, tenantIndex, checksums } = params;
  return {
    revision: desired.revision,
    generation,
    vips: desired.vips.flatMap(({ name, tenant, announce }) =>
      indexed(vipIndex, name, (index) => ({ index, vip: name, tenant, announced: announce.kind === 'announce' })),
    ),
    backends: desired.pools
      .flatMap(({ backends }) => backends)
      .flatMap(({ pool, address, weight, health, takesNewFlows }) =>
        indexed(backendIndex, backendKey(pool, address), (index) => ({ index, pool, address, weight, health, takesNewFlows })),
      ),
    tenants: desired.tenants.flatMap(({ name, plan }) =>
      indexed(tenantIndex, name, (index) => ({ index, tenant: name, cps: plan?.cps ?? null, burst: plan?.burst ?? null })),
    ),
    pools: desired.pools.flatMap(({ name, tableSize, usable }) => {
      const sums = checksums.get(name);
      return sums === undefined ? [] : [{ pool: name, tableSize, usable, ...sums }];
    }),
  };
}

function indexed<T>(indices: ReadonlyMap<string, number>, key: string, make: (index: number) => T): readonly T[] {
  const index = indices.get(key);
  return index === undefined ? [] : [make(index)];
}
