// Names of VIPs, tenants and backends by the packet path's indices, for what a capture says of each packet. Of the document in force
// when the packet is written: an index is not given to another owner for as long as captures last, but its owner may have gone.

import type { MetricsDirectory } from '../metrics/sources.ts';

export interface CaptureNames {
  readonly vips: ReadonlyMap<number, string>;
  readonly tenants: ReadonlyMap<number, string>;
  /** POOL/ADDRESS. */
  readonly backends: ReadonlyMap<number, { readonly pool: string; readonly address: string }>;
}

export const noNames: CaptureNames = { vips: new Map(), tenants: new Map(), backends: new Map() };

export function namesOf({ vips, tenants, backends }: MetricsDirectory): CaptureNames {
  return {
    vips: new Map(vips.map(({ index, vip }) => [index, vip])),
    tenants: new Map(tenants.map(({ index, tenant }) => [index, tenant])),
    backends: new Map(backends.map(({ index, pool, address }) => [index, { pool, address }])),
  };
}
