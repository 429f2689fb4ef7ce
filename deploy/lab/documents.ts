// The documents of the lab's nodes: one cluster part, the same on all, and a `node` section for each. Pure.
//
// Numbers are chosen so that every step of the demo is quick but nothing is unlike production: an HTTP check four
// times a second, a plan for the tenant that is going to be flooded and none for the other.

import { join } from 'node:path';
import type { OperatorState } from '../../src/model/backend.ts';
import { balancerAs, type LabNode, routerAs, type Topology } from './topology.ts';

export const healthCheck = {
  type: 'http',
  port: 80,
  path: '/healthz',
  intervalMs: 250,
  timeoutMs: 200,
  rise: 2,
  fall: 2,
} as const;

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
  localVips: ({ vips }) => Object.values(vips).map(({ address }) => `${address}/32`),
};

export function balancerDocument(topology: Topology, node: LabNode, intent: Intent = noIntent): object {
  return {
    version: 1,
    node: {
      address: node.address,
      address6: node.address6,
      devices: [{ name: 'eth0', engine: topology.options.engine }],
      flowTable: { entries: 65_536 },
      bgp: {
        localAs: balancerAs,
        drainSec: 1,
        peers: [{ address: topology.router.fabric.address, as: routerAs, holdTimeSec: 9, connectRetrySec: 1 }],
      },
      api: { socket: apiSocket(topology, node) },
      logs: { level: 'info', format: 'json' },
    },
    ...clusterPart(topology, intent),
  };
}

export function hostDocument(topology: Topology, node: LabNode): object {
  return {
    version: 1,
    node: {
      address: node.address,
      address6: node.address6,
      devices: [{ name: 'eth0' }],
      api: { socket: apiSocket(topology, node) },
      logs: { level: 'info', format: 'json' },
    },
    ...clusterPart(topology, noIntent),
  };
}

function clusterPart(topology: Topology, intent: Intent): object {
  const { acme, globex } = topology.vips;
  const backends = topology.backends.map(({ address }) => ({ address, state: intent.states[address] ?? 'active' }));
  const vip = ({ address, port, pool }: typeof acme) => ({ address, protocol: 'tcp', ports: [port], pool });
  return {
    cluster: { secret: { file: secretFile(topology) } },
    plans: { small: acmePlan },
    tenants: [
      { name: acme.tenant, plan: 'small', vips: [vip(acme)] },
      { name: globex.tenant, vips: [vip(globex)] },
    ],
    pools: {
      [acme.pool]: { backends, healthCheck },
      [globex.pool]: { backends, healthCheck },
    },
  };
}
