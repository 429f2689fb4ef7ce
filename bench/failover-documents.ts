// The documents of the failover bench: the demo's two VIPs, one with all backends but the last, one with the last alone. Pure.

import { apiSocket, type LabDocuments, secretFile } from '../deploy/lab/documents.ts';
import type { BfdTimes } from '../deploy/lab/routers/router.ts';
import { balancerAs, type LabNode, routerAs, type Topology } from '../deploy/lab/topology.ts';

export const holdTimeSec = 9;
export const bfdTimes: BfdTimes = { intervalMs: 100, multiplier: 3 };

const healthCheck = { type: 'tcp', port: 80, intervalMs: 300, timeoutMs: 300, rise: 2, fall: 3 } as const;

/** `bfd` is the speakers' side of it; the router needs its own. */
export function failoverDocuments(bfd: BfdTimes | null): LabDocuments {
  return {
    balancer: (topology, node) => {
      const peer = { address: topology.router.fabric.address, as: routerAs, holdTimeSec, connectRetrySec: 1 };
      const peers = [{ ...peer, ...(bfd === null ? {} : { bfd }) }];
      return document(topology, node, {
        devices: [{ name: 'eth0', engine: topology.options.engine }],
        flowTable: { entries: 65_536 },
        bgp: { localAs: balancerAs, drainSec: 1, peers },
      });
    },
    host: (topology, node) => document(topology, node, { devices: [{ name: 'eth0' }] }),
    localVips: ({ vips, backends }, node) => [`${(node === backends.at(-1) ? vips.acme : vips.globex).address}/32`],
  };
}

function document(topology: Topology, node: LabNode, own: object): object {
  const { acme, globex } = topology.vips;
  const addresses = topology.backends.map(({ address }) => ({ address }));
  return {
    version: 1,
    node: {
      address: node.address,
      api: { socket: apiSocket(topology, node) },
      logs: { level: 'info', format: 'json' },
      ...own,
    },
    cluster: { secret: { file: secretFile(topology) } },
    tenants: [globex, acme].map(({ tenant, address, port, pool }) => ({
      name: tenant,
      vips: [{ address, protocol: 'tcp', ports: [port], pool }],
    })),
    pools: {
      [globex.pool]: { backends: addresses.slice(0, -1), healthCheck },
      [acme.pool]: { backends: addresses.slice(-1), healthCheck },
    },
  };
}
