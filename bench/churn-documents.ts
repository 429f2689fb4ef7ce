// The document of the churn bench: VIPs that a stream of packets goes to, and ten thousand whose one backend comes and goes. Pure.

import {
  balancerPart,
  bothVips,
  hostPart,
  type LabDocuments,
  labDocument,
  routerPeer,
  tcpCheck,
  tenantOf,
} from '../deploy/lab/documents.ts';
import type { Topology } from '../deploy/lab/topology.ts';

export const streamVips = { first: '203.0.113.100', count: 4, port: 9000 } as const;
export const manyInside = '100.64.0.0/16';
export const holdTimeSec = 9;

/** The stream's backend is the first one, that of the many the last. */
export function churnDocuments(many: number): LabDocuments {
  return {
    balancer: (topology, node) => {
      const peers = [routerPeer(topology.router.fabric.address, { holdTimeSec })];
      const own = { ...balancerPart(topology, { drainSec: 0, peers }), logs: { level: 'warn', format: 'json' } };
      return labDocument(topology, node, own, cluster(topology, many));
    },
    host: (topology, node) => labDocument(topology, node, hostPart, cluster(topology, 0)),
    localVips: bothVips,
  };
}

function cluster(topology: Topology, many: number): object {
  const { acme, globex } = topology.vips;
  const backends = topology.backends.map(({ address }) => ({ address }));
  const serving = backends.slice(1);
  const vip = (address: string, pool: string) => ({ address, protocol: 'udp', ports: [streamVips.port], pool });
  return {
    tenants: [
      ...[acme, globex].map(tenantOf),
      {
        name: 'stream',
        vips: Array.from({ length: streamVips.count }, (_, i) => vip(`203.0.113.${100 + i}`, 'steady')),
      },
      ...(many === 0
        ? []
        : [{ name: 'many', vips: Array.from({ length: many }, (_, i) => vip(`100.64.${i >> 8}.${i & 255}`, 'switched')) }]),
    ],
    pools: {
      [acme.pool]: { backends: serving, healthCheck: tcpCheck },
      [globex.pool]: { backends: serving, healthCheck: tcpCheck },
      // Always usable: a check that a busy machine fails would cost packets, too.
      steady: { backends: backends.slice(0, 1) },
      ...(many === 0 ? {} : { switched: { backends: backends.slice(-1), healthCheck: tcpCheck } }),
    },
  };
}
