// What the tests of this folder start from: one document, everything up and resolved.

import type { Config } from '../../../src/config/config.ts';
import { parseDocument } from '../../../src/config/parse.ts';
import { type ResolveInput, resolve } from '../../../src/control/desired.ts';
import type { Observed, ObservedHealth } from '../../../src/control/desired-pool.ts';
import { noOverrides } from '../../../src/control/overrides.ts';
import type { NextHop } from '../../../src/model/backend.ts';
import type { Desired } from '../../../src/model/desired.ts';
import { healthKey } from '../../../src/model/health-check.ts';

export const secret = '00'.repeat(32);

export interface PoolText {
  readonly backends: readonly (string | object)[];
  readonly [key: string]: unknown;
}

export interface WorldText {
  readonly vips?: readonly object[];
  readonly pools?: Readonly<Record<string, PoolText>>;
  readonly node?: object;
  /** More of the one tenant: its aggregates, its policy. */
  readonly tenant?: object;
}

const check = { type: 'tcp', port: 80 };
export const webVip = { address: '203.0.113.10', protocol: 'tcp', ports: [80], pool: 'web' };

export function documentOf({
  vips = [webVip],
  pools = { web: { backends: ['10.0.2.21', '10.0.2.22'] } },
  node,
  tenant,
}: WorldText = {}): string {
  return JSON.stringify({
    version: 1,
    node: { address: '10.0.1.11', devices: [{ name: 'eth0' }], ...node },
    tenants: [{ name: 'acme', vips, ...tenant }],
    pools: Object.fromEntries(
      Object.entries(pools).map(([name, pool]) => [
        name,
        {
          healthCheck: check,
          ...pool,
          backends: pool.backends.map((backend) => (typeof backend === 'string' ? { address: backend } : backend)),
        },
      ]),
    ),
  });
}

export function configOf(text: string): Config {
  const result = parseDocument(text);
  if (result.kind === 'bad') throw new Error(JSON.stringify(result.problems));
  return result.config;
}

const hop: NextHop = { kind: 'resolved', device: 'eth0', mac: '02:00:00:00:00:02', mtuBytes: 1500 };

/** Every backend up and resolved, except those whose health is given by address. */
export function observedOf(config: Config, health: Readonly<Record<string, ObservedHealth>> = {}): Observed {
  const up: ObservedHealth = { health: 'up', reason: null };
  const members = config.pools.flatMap((pool) => pool.backends.map(({ address }) => ({ pool, address })));
  return {
    health: new Map(
      members.flatMap(({ pool, address }) =>
        pool.healthCheck === null ? [] : [[healthKey(pool.name, address, pool.healthCheck), health[address] ?? up]],
      ),
    ),
    nextHops: new Map(members.map(({ address }) => [address, hop])),
    devices: new Map([['eth0', { mac: '02:00:00:00:00:01', mtuBytes: 1500 }]]),
  };
}

export function desiredOf(text: string, more: Partial<ResolveInput> = {}): Desired {
  const config = configOf(text);
  return resolve({
    revision: 1,
    config,
    clusterSecret: secret,
    overrides: noOverrides,
    observed: observedOf(config),
    leaving: new Set(),
    warming: new Set(),
    draining: new Set(),
    announced: new Set(),
    ...more,
  });
}
