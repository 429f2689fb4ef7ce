// The documents of the failover bench: the demo's two VIPs, one with all backends but the last, one with the last alone. Pure.

import {
  balancerPart,
  hostPart,
  type LabDocuments,
  labDocument,
  routerPeer,
  tcpCheck,
  tenantOf,
} from '../deploy/lab/documents.ts';
import type { BfdTimes } from '../deploy/lab/routers/router.ts';
import type { Topology } from '../deploy/lab/topology.ts';

export const holdTimeSec = 9;
export const bfdTimes: BfdTimes = { intervalMs: 100, multiplier: 3 };

/** `bfd` is the speakers' side of it; the router needs its own. */
export function failoverDocuments(bfd: BfdTimes | null): LabDocuments {
  return {
    balancer: (topology, node) => {
      const peer = routerPeer(topology.router.fabric.address, { holdTimeSec, ...(bfd === null ? {} : { bfd }) });
      return labDocument(topology, node, balancerPart(topology, { drainSec: 1, peers: [peer] }), cluster(topology));
    },
    host: (topology, node) => labDocument(topology, node, hostPart, cluster(topology)),
    localVips: ({ vips, backends }, node) => [`${(node === backends.at(-1) ? vips.acme : vips.globex).address}/32`],
  };
}

function cluster(topology: Topology): object {
  const { acme, globex } = topology.vips;
  const addresses = topology.backends.map(({ address }) => ({ address }));
  return {
    tenants: [globex, acme].map(tenantOf),
    pools: {
      [globex.pool]: { backends: addresses.slice(0, -1), healthCheck: tcpCheck },
      [acme.pool]: { backends: addresses.slice(-1), healthCheck: tcpCheck },
    },
  };
}
