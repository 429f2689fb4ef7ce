// One pool of the desired state: operator's word and observed health of each backend joined into "takes new flows"
// and "keeps flows", each with the reason in words. Pure.

import type { Config, PoolConfig } from '../config/config.ts';
import { familyOf } from '../model/address.ts';
import { type Backend, backendKey, type Health, type NextHop, type OperatorState } from '../model/backend.ts';
import type { DesiredBackend, DesiredPool } from '../model/desired.ts';
import { healthKey } from '../model/health-check.ts';
import { type Override, type Overrides, overrideKey, wordsOf } from './overrides.ts';
import { demandsOf, noDemands, type PoolDemands } from './pool-demands.ts';

export interface ObservedHealth {
  readonly health: Health;
  /** Why it is not up, in words; null when up. */
  readonly reason: string | null;
}

export interface ObservedDevice {
  readonly mac: string;
  readonly mtuBytes: number;
}

/** Everything observed of the backends. */
export interface Observed {
  /** By healthKey(); absent: unknown. */
  readonly health: ReadonlyMap<string, ObservedHealth>;
  /** By address; absent: not resolved yet. */
  readonly nextHops: ReadonlyMap<string, NextHop>;
  /** The node's devices by name, as the kernel has them. */
  readonly devices: ReadonlyMap<string, ObservedDevice>;
}

const notYetResolved: NextHop = { kind: 'unresolved', reason: 'next hop not looked up yet' };
const unchecked: ObservedHealth = { health: 'up', reason: null };
const notYetChecked: ObservedHealth = { health: 'unknown', reason: 'waiting for its first checks' };

/** RFC 8200 section 5: what every IPv6 path must carry. */
const ipv6MtuBytes = 1280;
const outerBytes = { 4: 20, 6: 40 } as const;

export interface PoolInput {
  readonly config: Config;
  readonly overrides: Overrides;
  readonly observed: Observed;
}

/** Pools that were made of it. */
export interface KnownPools extends PoolInput {
  readonly desired: { readonly pools: readonly DesiredPool[] };
}

/** A pool of `before` of which nothing has changed is the very same one. */
export function resolvePools(input: PoolInput, before: KnownPools | null): readonly DesiredPool[] {
  const { config, overrides, observed } = input;
  const demands = demandsOf(config);
  const known = before === null ? new Map<PoolConfig, DesiredPool>() : stillTrue(before, input, demands);
  return config.pools.map((pool) => known.get(pool) ?? resolvePool(pool, overrides, observed, demands.get(pool.name)));
}

type Demands = ReturnType<typeof demandsOf>;

/** Those that would become what they were. */
function stillTrue(before: KnownPools, { overrides, observed }: PoolInput, demands: Demands): Map<PoolConfig, DesiredPool> {
  const known = new Map<PoolConfig, DesiredPool>();
  if (before.observed.health !== observed.health || before.observed.nextHops !== observed.nextHops) return known;
  const spokenOf = poolsSpokenOf(before.overrides, overrides);
  const demanded = demandsOf(before.config);
  for (const [i, pool] of before.config.pools.entries()) {
    const desired = before.desired.pools[i];
    const isDemandedAlike = isSameDemand(demanded.get(pool.name), demands.get(pool.name));
    if (desired !== undefined && isDemandedAlike && !spokenOf.has(pool.name)) known.set(pool, desired);
  }
  return known;
}

function isSameDemand(a: PoolDemands = noDemands, b: PoolDemands = noDemands): boolean {
  return a.servesIpv6 === b.servesIpv6 && a.isDirect === b.isDirect;
}

/** Names of pools of whose backends a word was said, or taken back, in between. */
function poolsSpokenOf(old: Overrides, next: Overrides): ReadonlySet<string> {
  if (old === next) return new Set();
  const changed = [...old, ...next].filter(([key]) => old.get(key) !== next.get(key));
  return new Set(changed.map(([, { target }]) => target.slice(0, Math.max(0, target.lastIndexOf('/')))));
}

function resolvePool(pool: PoolConfig, overrides: Overrides, observed: Observed, demands: PoolDemands = noDemands): DesiredPool {
  const backends = pool.backends.map((backend) => withDemands(resolveBackend(pool, backend, overrides, observed), demands));
  const fallback = typeof pool.onAllDown === 'object' ? pool.onAllDown.pool : null;
  const { name, tableSize } = pool;
  const usable = countUsable(backends) >= Math.max(1, pool.minHealthy);
  if (usable || pool.onAllDown !== 'failOpen' || !isDecided(backends)) return { name, tableSize, backends, usable, fallback };
  const opened = backends.map(opensUp);
  return { name, tableSize, backends: opened, usable: countUsable(opened) > 0, fallback };
}

function countUsable(backends: readonly DesiredBackend[]): number {
  return backends.reduce((count, { takesNewFlows }) => count + (takesNewFlows ? 1 : 0), 0);
}

/** False while every check is still at its first probes, as after a start: then nothing has failed yet. */
function isDecided(backends: readonly DesiredBackend[]): boolean {
  return backends.some(({ health }) => health !== 'unknown');
}

/** Fail open: used as if usable, whatever health or state say; only what cannot be reached stays out. */
function opensUp(backend: DesiredBackend): DesiredBackend {
  if (backend.weight === 0 || backend.nextHop.kind === 'unresolved') return backend;
  return { ...backend, takesNewFlows: true, keepsFlows: true, reason: null };
}

function resolveBackend(pool: PoolConfig, backend: Backend, overrides: Overrides, observed: Observed): DesiredBackend {
  const { address } = backend;
  const key = overrides.size === 0 ? '' : backendKey(pool.name, address);
  const stateOverride = overrides.get(overrideKey('state', key));
  const weightOverride = overrides.get(overrideKey('weight', key));
  const state = (stateOverride?.value as OperatorState | undefined) ?? backend.state;
  const weight = (weightOverride?.value as number | undefined) ?? backend.weight;
  const { health, reason: healthReason } = healthOf(pool, address, observed);
  const nextHop = withMtu(observed.nextHops.get(address) ?? notYetResolved, backend.mtuBytes);
  const reason =
    stateReason(state, stateOverride) ??
    (weight === 0 ? `weight 0${weightOverride === undefined ? '' : ` by ${wordsOf(weightOverride)}`}` : null) ??
    (health === 'up' ? null : `${health} (${healthReason ?? notYetChecked.reason})`) ??
    (nextHop.kind === 'resolved' ? null : `next hop unresolved (${nextHop.reason})`);
  const keepsFlows = state !== 'disabled' && health !== 'down' && nextHop.kind === 'resolved';
  return { pool: pool.name, address, weight, state, health, nextHop, takesNewFlows: reason === null, keepsFlows, reason };
}

/** A way that cannot carry what the pool's VIPs need makes the backend unusable, with that reason. */
function withDemands(backend: DesiredBackend, { servesIpv6, isDirect }: PoolDemands): DesiredBackend {
  const { nextHop, address } = backend;
  if (nextHop.kind === 'unresolved') return backend;
  const room = nextHop.mtuBytes - outerBytes[familyOf(address)];
  const trouble =
    isDirect && nextHop.isGateway === true
      ? 'behind a gateway, which encap l2 cannot cross'
      : servesIpv6 && room < ipv6MtuBytes
        ? `MTU ${nextHop.mtuBytes} leaves IPv6 ${room} bytes, less than ${ipv6MtuBytes}`
        : null;
  return trouble === null ? backend : { ...backend, takesNewFlows: false, keepsFlows: false, reason: backend.reason ?? trouble };
}

function healthOf(pool: PoolConfig, address: string, observed: Observed): ObservedHealth {
  if (pool.healthCheck === null) return unchecked;
  return observed.health.get(healthKey(pool.name, address, pool.healthCheck)) ?? notYetChecked;
}

function stateReason(state: OperatorState, override: Override | undefined): string | null {
  if (state === 'active') return null;
  return override === undefined ? state : `${state} by ${wordsOf(override)}`;
}

function withMtu(nextHop: NextHop, mtuBytes: number | undefined): NextHop {
  return mtuBytes === undefined ? nextHop : { ...nextHop, mtuBytes };
}
