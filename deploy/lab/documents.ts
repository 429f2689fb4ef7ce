// The documents of the lab's nodes: one cluster part, the same on all, and a `node` section for each. Pure.
//
// Numbers are chosen so that every step of the demo is quick but nothing is unlike production: an HTTP check four
// times a second, a plan for the tenant that is going to be flooded and none for the other.

import { join } from 'node:path';
import type { OperatorState } from '../../src/model/backend.ts';
import { balancerAs, type LabNode, type LabVip, routerAs, type Topology } from './topology.ts';

export const healthCheck = {
  type: 'http',
  port: 80,
  path: '/healthz',
  intervalMs: 250,
  timeoutMs: 200,
  rise: 2,
  fall: 2,
} as const;

/** For benches that wait for a backend's death or return, and load the machine meanwhile. */
export const tcpCheck = { type: 'tcp', port: 80, intervalMs: 300, timeoutMs: 300, rise: 2, fall: 3 } as const;

/** A dead backend must be out of every table this long after its death: all failing checks, one interval, and slack. */
export const detectionMs = healthCheck.fall * (healthCheck.intervalMs + healthCheck.timeoutMs) + healthCheck.intervalMs + 500;

/** acme's limits per balancer. */
export const acmePlan = { cps: 200, burst: 200 } as const;

/** What differs from the lab's document at the start. */
export interface Intent {
  /** Operator's state by backend address; absent: active. */
  readonly states: Readonly<Record<string, OperatorState>>;
}

export const noIntent: Intent = { states: {} };

export function secretFile(topology: Topology): string {
  return join(topology.directory, 'cluster.key');
}

export function apiSocket(topology: Topology, node: LabNode): string {
  return join(topology.directory, `${node.id}.sock`);
}

/** The documents of a lab, and what they make local to a backend, as "203.0.113.10/32". */
export interface LabDocuments {
  balancer(topology: Topology, node: LabNode, intent: Intent): object;
  host(topology: Topology, node: LabNode): object;
  localVips(topology: Topology, node: LabNode): readonly string[];
}

/** What the demo runs on. */
export const storyDocuments: LabDocuments = {
  balancer: balancerDocument,
  host: hostDocument,
  localVips: bothVips,
};

export function balancerDocument(topology: Topology, node: LabNode, intent: Intent = noIntent): object {
  const peers = [routerPeer(topology.router.fabric.address, { holdTimeSec: 9 })];
  const own = { address6: node.address6, ...balancerPart(topology, { drainSec: 1, peers }) };
  return labDocument(topology, node, own, clusterPart(topology, intent));
}

export function hostDocument(topology: Topology, node: LabNode): object {
  return labDocument(topology, node, { address6: node.address6, ...hostPart }, clusterPart(topology, noIntent));
}

/** A document whose node section says where the node is and where its API, and what is its own; `cluster` is all but the secret. */
export function labDocument(topology: Topology, node: LabNode, own: object, cluster: object): object {
  return {
    version: 1,
    node: {
      address: node.address,
      api: { socket: apiSocket(topology, node) },
      logs: { level: 'info', format: 'json' },
      ...own,
    },
    cluster: { secret: { file: secretFile(topology) } },
    ...cluster,
  };
}

/** Of a balancer's node section. */
export function balancerPart(topology: Topology, bgp: { readonly drainSec: number; readonly peers: readonly object[] }): object {
  return {
    devices: [{ name: 'eth0', engine: topology.options.engine }],
    flowTable: { entries: 65_536 },
    bgp: { localAs: balancerAs, ...bgp },
  };
}

/** Of a backend's. */
export const hostPart = { devices: [{ name: 'eth0' }] } as const;

/** A session with the lab's router, at that address of it. */
export function routerPeer(address: string, own: object): object {
  return { address, as: routerAs, connectRetrySec: 1, ...own };
}

/** The tenant of one of the lab's VIPs, which has that one alone. */
export function tenantOf({ tenant, address, port, pool }: LabVip) {
  return { name: tenant, vips: [{ address, protocol: 'tcp', ports: [port], pool }] } as const;
}

export function bothVips({ vips }: Topology): readonly string[] {
  return Object.values(vips).map(({ address }) => `${address}/32`);
}

function clusterPart(topology: Topology, intent: Intent): object {
  const { acme, globex } = topology.vips;
  const backends = topology.backends.map(({ address }) => ({ address, state: intent.states[address] ?? 'active' }));
  return {
    plans: { small: acmePlan },
    tenants: [{ ...tenantOf(acme), plan: 'small' }, tenantOf(globex)],
    pools: {
      [acme.pool]: { backends, healthCheck },
      [globex.pool]: { backends, healthCheck },
    },
  };
}
