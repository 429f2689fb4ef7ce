// Flows as operators see them: records of the packet path with the names of the document in force. Pure.
//
// Leaves out what has expired, and what belongs to a VIP that the document no longer has.

import type { FlowRecord, FlowRecordPage } from '../dataplane/flow-records.ts';
import type { Desired, DesiredVip } from '../model/desired.ts';
import { flowText } from '../model/flow.ts';
import type { FlowQuery, FlowsView, FlowView } from '../model/views.ts';
import type { Allocation } from '../steering/allocate-all.ts';
import { profileOf } from '../steering/timeout-profiles.ts';

/** Names a record, and tells whether it is asked for. */
export interface FlowNaming {
  wanted(record: FlowRecord): boolean;
  view(page: FlowRecordPage): FlowsView;
}

export function nameFlows(query: FlowQuery, desired: Desired, { vips, backends }: Allocation): FlowNaming {
  const byName = new Map(desired.vips.map((vip) => [vip.name, vip]));
  const vipOf = new Map([...vips.owned].map(([name, { index }]) => [index, byName.get(name)]));
  const backendOf = new Map([...backends.owned].map(([key, owned]) => [owned.index, { key, ...owned }]));
  const address = ({ entry }: FlowRecord): string | null => {
    const owner = backendOf.get(entry.backendIndex);
    return owner?.generation === entry.backendGeneration ? owner.key.slice(owner.key.lastIndexOf('/') + 1) : null;
  };
  const live = (record: FlowRecord): DesiredVip | undefined => {
    const vip = vipOf.get(record.vipIndex);
    return vip !== undefined && isLive(record, vip) ? vip : undefined;
  };
  return {
    wanted: (record) => {
      const vip = live(record);
      return (
        vip !== undefined &&
        (query.vip === null || query.vip === vip.name) &&
        (query.source === null || query.source === record.source.address) &&
        (query.backend === null || query.backend === address(record))
      );
    },
    view: ({ records, next }) => ({
      flows: records.flatMap((record) => {
        const vip = live(record);
        return vip === undefined ? [] : [viewOf(record, vip, address(record))];
      }),
      next,
    }),
  };
}

function isLive({ entry }: FlowRecord, vip: DesiredVip): boolean {
  const { probationMs, establishedMs, finMs } = profileOf(vip);
  return entry.idleMs < { probation: probationMs, established: establishedMs, fin: finMs }[entry.state];
}

function viewOf(record: FlowRecord, vip: DesiredVip, backend: string | null): FlowView {
  const { entry, ageSec, packets, bytes } = record;
  return {
    flow: flowText(record),
    vip: vip.name,
    tenant: vip.tenant,
    backend,
    state: entry.state,
    ageSec,
    idleSec: Math.floor(entry.idleMs / 1000),
    packets,
    bytes,
    worker: entry.worker,
  };
}
