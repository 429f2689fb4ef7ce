// How large the packet path's tables are. Virtual memory: pages are taken when first written.

import { slotLines } from '../model/limits.ts';
import { constantOf, type Layout } from '../steering/layout.ts';
import type { Capacity } from './addon.ts';

/** 64 MiB a side: 65,535 VIPs and backends with their indices, twice over. */
const snapshotLines = 1024 * 1024;

export interface FlowSizes {
  readonly workers: number;
  /** Per worker; rounded up to a power of two. */
  readonly flowEntries: number;
  /** Whether flows have records. */
  readonly flowRecords?: boolean;
}

export function capacityFor(layout: Layout, params: FlowSizes): Capacity {
  const flowsPerLine = constantOf(layout, 'FLOWS_PER_LINE');
  let flowLines = 2;
  while (flowLines * flowsPerLine < params.flowEntries) flowLines *= 2;
  return {
    vips: constantOf(layout, 'MAX_VIPS') + 1,
    backends: constantOf(layout, 'MAX_BACKENDS') + 1,
    tenants: constantOf(layout, 'MAX_TENANTS') + 1,
    snapshotLines,
    slotLines,
    flowLines,
    workers: params.workers,
    records: params.flowRecords === true ? 1 : 0,
  };
}
