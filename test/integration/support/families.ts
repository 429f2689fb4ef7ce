// Documents of a lab whose VIPs and backends are of either family, or prefixes, or left in their own frames (encap l2).
//
// One tenant; every VIP has a pool of its own, since a pool's backends are of one family here. The balancer has a session
// over each family, because routes go out over the session of their own.

import {
  balancerPart,
  healthCheck,
  hostPart,
  type LabDocuments,
  labDocument,
  routerPeer,
} from '../../../deploy/lab/documents.ts';
import { isIpv6 } from '../../../deploy/lab/routers/router.ts';
import type { LabVip, Topology } from '../../../deploy/lab/topology.ts';

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
  return {
    balancer: (topology, node) => {
      const { address, address6 } = topology.router.fabric;
      const peers = [address, address6].map((each) => routerPeer(each, {}));
      const own = { address6: node.address6, ...balancerPart(topology, { drainSec: 0, peers }) };
      return labDocument(topology, node, own, cluster(topology));
    },
    host: (topology, node) => labDocument(topology, node, { address6: node.address6, ...hostPart }, cluster(topology)),
    localVips: () => vips.map(({ address }) => (address.includes('/') ? address : `${address}/${isIpv6(address) ? 128 : 32}`)),
  };
}
