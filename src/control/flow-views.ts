// Flows as operators see them: records of the packet path with the names of the document in force. Pure.
//
// Leaves out what has expired, and what belongs to a VIP that the document no longer has.

import type { FlowCandidate, FlowRecord, FlowRecordPage } from '../dataplane/flow-records.ts';
import { ToriiError } from '../errors.ts';
import type { Desired, DesiredVip } from '../model/desired.ts';
import { flowText } from '../model/flow.ts';
import type { FlowQuery, FlowsView, FlowView } from '../model/views.ts';
import type { Allocation } from '../steering/allocate-all.ts';
import { type Profile, profilesByNumber } from '../steering/timeout-profiles.ts';

/** Names a record, and tells whether its VIP and backend are asked for. */
export interface FlowNaming {
  wanted(candidate: FlowCandidate): boolean;
  view(page: FlowRecordPage): FlowsView;
}

/** What the indices of a record mean. */
export interface FlowNames {
  readonly vips: ReadonlyMap<number, DesiredVip>;
  /** Timeouts by the number that entries have. */
  readonly limitsMs: ReadonlyMap<number, Limits>;
  readonly backends: ReadonlyMap<number, { readonly address: string; readonly generation: number }>;
}

export function flowNames(desired: Desired, { vips, backends, profiles }: Allocation): FlowNames {
  return {
    vips: vipsByIndex(desired, vips.owned),
    limitsMs: new Map([...profilesByNumber(profiles)].map(([number, profile]) => [number, limitsOf(profile)])),
    backends: new Map(
      [...backends.owned].map(([key, { index, generation }]) => [
        index,
        { address: key.slice(key.lastIndexOf('/') + 1), generation },
      ]),
    ),
  };
}

/** Throws not_found for a VIP or a backend that the document does not have. */
export function nameFlows(query: FlowQuery, { vips, backends, limitsMs }: FlowNames): FlowNaming {
  if (query.vip !== null && ![...vips.values()].some(({ name }) => name === query.vip))
    throw new ToriiError('not_found', `no VIP ${query.vip} that this node forwards`);
  if (query.backend !== null && ![...backends.values()].some(({ address: known }) => known === query.backend))
    throw new ToriiError('not_found', `no backend ${query.backend}`);
  const address = ({ entry }: FlowCandidate): string | null => {
    const owner = backends.get(entry.backendIndex);
    return owner?.generation === entry.backendGeneration ? owner.address : null;
  };
  const live = ({ entry, vipIndex }: FlowCandidate): DesiredVip | undefined => {
    const limits = limitsMs.get(entry.profile);
    return limits !== undefined && entry.idleMs < limits[entry.state] ? vips.get(vipIndex) : undefined;
  };
  return {
    wanted: (candidate) => {
      const vip = live(candidate);
      return (
        vip !== undefined &&
        (query.vip === null || query.vip === vip.name) &&
        (query.backend === null || query.backend === address(candidate))
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

/** After so long without a packet a flow has expired. */
type Limits = Readonly<Record<FlowCandidate['entry']['state'], number>>;

function limitsOf({ probationMs, establishedMs, finMs }: Profile): Limits {
  return { probation: probationMs, established: establishedMs, fin: finMs };
}

function vipsByIndex(desired: Desired, owned: Allocation['vips']['owned']): ReadonlyMap<number, DesiredVip> {
  const known = new Map<number, DesiredVip>();
  for (const vip of desired.vips) {
    const index = owned.get(vip.name)?.index;
    if (index !== undefined) known.set(index, vip);
  }
  return known;
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
