// The document of the churn bench: VIPs that a stream of packets goes to, and ten thousand whose one backend comes and goes. Pure.

import { apiSocket, type LabDocuments, secretFile } from '../deploy/lab/documents.ts';
import { balancerAs, type LabNode, routerAs, type Topology } from '../deploy/lab/topology.ts';

export const streamVips = { first: '203.0.113.100', count: 4, port: 9000 } as const;
export const manyInside = '100.64.0.0/16';
export const holdTimeSec = 9;

const healthCheck = { type: 'tcp', port: 80, intervalMs: 300, timeoutMs: 300, rise: 2, fall: 3 } as const;

/** The stream's backend is the first one, that of the many the last. */
export function churnDocuments(many: number): LabDocuments {
  return {
    balancer: (topology, node) => {
      const peer = { address: topology.router.fabric.address, as: routerAs, holdTimeSec, connectRetrySec: 1 };
      const own = {
        devices: [{ name: 'eth0', engine: topology.options.engine }],
        flowTable: { entries: 65_536 },
        bgp: { localAs: balancerAs, drainSec: 0, peers: [peer] },
        logs: { level: 'warn', format: 'json' },
      };
      return document(topology, node, own, many);
    },
    host: (topology, node) => document(topology, node, { devices: [{ name: 'eth0' }] }, 0),
    localVips: ({ vips }) => Object.values(vips).map(({ address }) => `${address}/32`),
  };
}

function document(topology: Topology, node: LabNode, own: object, many: number): object {
  const { acme, globex } = topology.vips;
  const backends = topology.backends.map(({ address }) => ({ address }));
  const serving = backends.slice(1);
  const vip = (address: string, pool: string) => ({ address, protocol: 'udp', ports: [streamVips.port], pool });
  return {
    version: 1,
    node: {
      address: node.address,
      api: { socket: apiSocket(topology, node) },
      logs: { level: 'info', format: 'json' },
      ...own,
    },
    cluster: { secret: { file: secretFile(topology) } },
    tenants: [
      ...[acme, globex].map(({ tenant, address, port, pool }) => ({
        name: tenant,
        vips: [{ address, protocol: 'tcp', ports: [port], pool }],
      })),
      {
        name: 'stream',
        vips: Array.from({ length: streamVips.count }, (_, i) => vip(`203.0.113.${100 + i}`, 'steady')),
      },
      ...(many === 0
        ? []
        : [{ name: 'many', vips: Array.from({ length: many }, (_, i) => vip(`100.64.${i >> 8}.${i & 255}`, 'switched')) }]),
    ],
    pools: {
      [acme.pool]: { backends: serving, healthCheck },
      [globex.pool]: { backends: serving, healthCheck },
      // Always usable: a check that a busy machine fails would cost packets, too.
      steady: { backends: backends.slice(0, 1) },
      ...(many === 0 ? {} : { switched: { backends: backends.slice(-1), healthCheck } }),
    },
  };
}
