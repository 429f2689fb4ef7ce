// Documents of a lab whose VIPs and backends are of either family, or prefixes, or left in their own frames (encap l2).
//
// One tenant; every VIP has a pool of its own, since a pool's backends are of one family here. The balancer has a session
// over each family, because routes go out over the session of their own.

import { apiSocket, healthCheck, type LabDocuments, secretFile } from '../../../deploy/lab/documents.ts';
import { isIpv6 } from '../../../deploy/lab/routers/router.ts';
import { balancerAs, type LabNode, type LabVip, routerAs, type Topology } from '../../../deploy/lab/topology.ts';

export interface FamilyVip {
  /** What it shows, as the end of "carries HTTP …". */
  readonly what: string;
  readonly pool: string;
  /** An address or a prefix. */
  readonly address: string;
  /** Where requests go; of a prefix, an address inside. */
  readonly asked: string;
  readonly backends: 'address' | 'address6';
  readonly encap?: 'l2';
}

export function labVip({ pool, asked }: FamilyVip): LabVip {
  return { tenant: 'families', address: asked, port: 80, pool };
}

export function familyDocuments(vips: readonly FamilyVip[]): LabDocuments {
  const cluster = (topology: Topology) => ({
    cluster: { secret: { file: secretFile(topology) } },
    tenants: [
      {
        name: 'families',
        vips: vips.map(({ address, pool, encap }) => ({
          address,
          protocol: 'tcp',
          ports: [80],
          pool,
          ...(encap === undefined ? {} : { encap }),
        })),
      },
    ],
    pools: Object.fromEntries(
      vips.map(({ pool, backends }) => [
        pool,
        { backends: topology.backends.map((node) => ({ address: node[backends] })), healthCheck },
      ]),
    ),
  });
  const node = (topology: Topology, own: LabNode) => ({
    address: own.address,
    address6: own.address6,
    devices: [{ name: 'eth0' }],
    api: { socket: apiSocket(topology, own) },
    logs: { level: 'info', format: 'json' },
  });
  return {
    balancer: (topology, own) => {
      const { address, address6 } = topology.router.fabric;
      const peers = [address, address6].map((peer) => ({ address: peer, as: routerAs, connectRetrySec: 1 }));
      return {
        version: 1,
        node: {
          ...node(topology, own),
          devices: [{ name: 'eth0', engine: topology.options.engine }],
          flowTable: { entries: 65_536 },
          bgp: { localAs: balancerAs, drainSec: 0, peers },
        },
        ...cluster(topology),
      };
    },
    host: (topology, own) => ({ version: 1, node: node(topology, own), ...cluster(topology) }),
    localVips: () => vips.map(({ address }) => (address.includes('/') ? address : `${address}/${isIpv6(address) ? 128 : 32}`)),
  };
}
