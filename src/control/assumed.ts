// A document resolved without a machine around it, for `torii replay`: nothing is observed, everything is assumed. Every backend is
// up and its next hop known, except those named as down; states, weights and all else are the document's, by the same
// resolve() as in the daemon. Pure.

import type { Desired } from '../model/desired.ts';
import type { HealthCheck } from '../model/health-check.ts';
import { healthKey } from '../model/health-check.ts';
import { resolve } from './desired.ts';
import type { Observed, ObservedHealth } from './desired-pool.ts';
import { noOverrides } from './overrides.ts';
import { backendAddressesOf, type LoadedDocument } from './store.ts';

const assumedMacs = { node: '02:00:00:00:00:01', nextHop: '02:00:00:00:00:02' } as const;

export interface Assumptions {
  /** Canonical addresses. */
  readonly down: ReadonlySet<string>;
  /** Of every next hop. */
  readonly mtuBytes: number;
}

/** The one device that everything comes from and leaves on, whatever the document calls its own. */
const device = 'replay';
const up: ObservedHealth = { health: 'up', reason: null };
const down: ObservedHealth = { health: 'down', reason: 'said to be down' };
/** A pool without a health check takes every backend for up; with this one it can be told otherwise. */
const anyCheck: HealthCheck = { kind: 'tcp', port: 1, intervalMs: 1000, timeoutMs: 500, rise: 1, fall: 1 };

export function resolveAssumed(document: LoadedDocument, revision: number, assumptions: Assumptions): Desired {
  const pools = document.config.pools.map((pool) => ({ ...pool, healthCheck: pool.healthCheck ?? anyCheck }));
  const node = { ...document.config.node, devices: [{ name: device, engine: 'auto' as const, busyPoll: false }] };
  const { mtuBytes } = assumptions;
  const observed: Observed = {
    health: new Map(
      pools.flatMap(({ name, backends, healthCheck }) =>
        backends.map(({ address }) => [healthKey(name, address, healthCheck), assumptions.down.has(address) ? down : up]),
      ),
    ),
    nextHops: new Map(
      backendAddressesOf(document.config).map((address) => [
        address,
        { kind: 'resolved', device, mac: assumedMacs.nextHop, mtuBytes },
      ]),
    ),
    devices: new Map([[device, { mac: assumedMacs.node, mtuBytes }]]),
  };
  return resolve({
    revision,
    config: { ...document.config, node, pools },
    clusterSecret: document.clusterSecret,
    overrides: noOverrides,
    observed,
    leaving: new Set(),
    warming: new Set(),
    draining: new Set(),
    announced: new Set(),
  });
}
