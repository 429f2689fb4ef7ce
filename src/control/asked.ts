// What a document wants observed: targets of health checks and addresses whose next hops are needed. Made once for documents that
// want the same, since ten thousand of each take milliseconds. Pure.

import type { Config } from '../config/config.ts';
import type { HealthCheck, HealthTarget } from '../model/health-check.ts';
import { hasSameBackends } from './guard.ts';
import { backendAddressesOf, healthTargetsOf } from './store.ts';

export interface AskedOf {
  readonly config: Config;
  readonly targets: readonly HealthTarget[];
  /** Each once. */
  readonly addresses: readonly string[];
  /** Of the targets. */
  readonly keys: ReadonlySet<string>;
  readonly addressSet: ReadonlySet<string>;
}

/** `before` with the same lists where this document asks for the same. */
export function askedOf(config: Config, before: AskedOf | null): AskedOf {
  if (before?.config === config) return before;
  if (before !== null && isAskedAlike(before.config, config)) return { ...before, config };
  const targets = healthTargetsOf(config);
  const addresses = backendAddressesOf(config);
  return { config, targets, addresses, keys: new Set(targets.map(({ key }) => key)), addressSet: new Set(addresses) };
}

function isAskedAlike(a: Config, b: Config): boolean {
  return (
    hasSameBackends(a, b) &&
    a.localVips === b.localVips &&
    a.pools.every(({ name, healthCheck }, i) => b.pools[i]?.name === name && isSameCheck(b.pools[i].healthCheck, healthCheck))
  );
}

/** Most are one and the same object, so few have to be written to be compared. */
function isSameCheck(a: HealthCheck | null, b: HealthCheck | null): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
