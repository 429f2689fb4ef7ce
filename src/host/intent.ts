// What this backend has to own, from the document: which VIPs, at which devices, reached by which outer addresses. Pure.
//
// The document is the cluster's; this host finds itself in it by node.address and node.address6 among the pools'
// backends, whatever their state: a draining or disabled backend still has flows to finish.

import type { Config, PoolConfig } from '../config/config.ts';
import { ToriiError } from '../errors.ts';
import { compareAddresses, familyOf, type Prefix } from '../model/address.ts';

export interface HostIntent {
  /** This host's own addresses that balancers encapsulate to. */
  readonly outer: readonly string[];
  /** Sorted, each once. */
  readonly vips: readonly Prefix[];
  /** Devices of the document; empty: those that carry the outer addresses. */
  readonly devices: readonly string[];
}

export function hostIntent(config: Config): HostIntent {
  const { address, address6, devices } = config.node;
  const outer = [address, address6].filter((own) => own !== null);
  if (outer.length === 0) {
    throw new ToriiError('config_invalid', 'node.address: expected the address that balancers reach this host by, got none');
  }
  const pools = poolsServed(config.pools, outer);
  const vips = new Map<string, Prefix>();
  for (const vip of config.vips) if (pools.has(vip.pool)) vips.set(prefixText(vip.prefix), vip.prefix);
  return {
    outer,
    vips: [...vips.values()].sort((a, b) => compareAddresses(a.address, b.address) || a.length - b.length),
    devices: devices.map(({ name }) => name),
  };
}

/** Names of the pools whose VIPs may arrive here: with this host as a backend, or falling back to such a pool. */
function poolsServed(pools: readonly PoolConfig[], outer: readonly string[]): ReadonlySet<string> {
  const own = new Set(
    pools.filter(({ backends }) => backends.some(({ address }) => outer.includes(address))).map(({ name }) => name),
  );
  const fallingBack = pools.filter(({ onAllDown }) => typeof onAllDown === 'object' && own.has(onAllDown.pool));
  return new Set([...own, ...fallingBack.map(({ name }) => name)]);
}

export function prefixText({ address, length }: Prefix): string {
  return `${address}/${length}`;
}

/** Bytes that a balancer's outer header adds to a client's packet on its way here, at most. */
export function overheadBytes({ outer }: Pick<HostIntent, 'outer'>): number {
  return outer.some((address) => familyOf(address) === 6) ? 40 : 20;
}
