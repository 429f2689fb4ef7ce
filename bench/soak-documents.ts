// The documents of the soak: a constant part that carries the traffic, and a part of which each edition has another, so that
// every reload changes tables, pools, weights, announced prefixes and their attributes. Pure.

import {
  balancerPart,
  bothVips,
  hostPart,
  type LabDocuments,
  labDocument,
  routerPeer,
  tenantOf,
} from '../deploy/lab/documents.ts';
import type { BfdTimes } from '../deploy/lab/routers/router.ts';
import type { LabNode, Topology } from '../deploy/lab/topology.ts';

export const holdTimeSec = 9;
/** Where the stream goes. */
export const streamVips = { first: '203.0.113.100', count: 8, port: 9000 } as const;

const healthCheck = { type: 'tcp', port: 80, intervalMs: 500, timeoutMs: 500, rise: 2, fall: 3 } as const;
const changing = 40;
const changingPools = 4;

/** The stream's pool is the first backend alone: what reaches it is counted. */
export function soakDocuments(bfd: BfdTimes): LabDocuments {
  return {
    balancer: (topology, node) => balancerDocument(topology, node, bfd, 0),
    host: (topology, node) => labDocument(topology, node, { address6: node.address6, ...hostPart }, cluster(topology, 0)),
    localVips: bothVips,
  };
}

export function balancerDocument(topology: Topology, node: LabNode, bfd: BfdTimes, edition: number): object {
  const { address, address6 } = topology.router.fabric;
  const peers = [address, address6].map((each) => routerPeer(each, { holdTimeSec, bfd }));
  const own = {
    address6: node.address6,
    ...balancerPart(topology, { drainSec: 0, peers }),
    // Each reload would be a page.
    logs: { level: 'warn', format: 'json' },
  };
  return labDocument(topology, node, own, cluster(topology, edition));
}

function cluster(topology: Topology, edition: number): object {
  const { acme, globex } = topology.vips;
  const [counted, ...others] = topology.backends.map(({ address }) => ({ address }));
  const udp = (address: string, pool: string) => ({ address, protocol: 'udp', ports: [streamVips.port], pool });
  return {
    tenants: [
      { name: 'stream', vips: streamAddresses().map((address) => udp(address, 'counted')) },
      ...[acme, globex].map(tenantOf),
      {
        name: 'changing',
        vips: changingVips(edition).map(({ address, number }) => ({
          ...udp(address, `changing-${(number + edition) % changingPools}`),
          med: (number + edition) % 100,
        })),
      },
    ],
    pools: {
      counted: { backends: [counted], healthCheck },
      [acme.pool]: { backends: others, healthCheck },
      [globex.pool]: { backends: others, healthCheck },
      ...Object.fromEntries(
        Array.from({ length: changingPools }, (_, pool) => [
          `changing-${pool}`,
          { backends: others.map((each, i) => ({ ...each, weight: 50 + ((edition + pool + i) % 50) })), healthCheck },
        ]),
      ),
    },
  };
}

function streamAddresses(): readonly string[] {
  const [, network = '', host = '0'] = /^(.*\.)(\d+)$/.exec(streamVips.first) ?? [];
  return Array.from({ length: streamVips.count }, (_, i) => `${network}${Number(host) + i}`);
}

/** Of both families; a quarter of them is missing from each edition. */
function changingVips(edition: number): readonly { readonly address: string; readonly number: number }[] {
  return Array.from({ length: changing }, (_, number) => number)
    .filter((number) => (number + edition) % 4 !== 0)
    .flatMap((number) => [
      { address: `203.0.113.${128 + number}`, number },
      { address: `2001:db8:cafe::1:${number.toString(16)}`, number },
    ]);
}
