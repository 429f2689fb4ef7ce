// Document + what operators said + what is observed → desired state. Pure, whole, the same for the same inputs in
// whatever order they came.
//
// Operator intent and observed health meet here and nowhere else. Of a VIP's route, what people said comes first
// (announce-state.ts), then no device, no usable backend, a pool that is not known yet. Whether every worker has adopted the
// tables is the reconciler's to know.

import type { LocalVipConfig, PoolConfig, VipConfig } from '../config/config.ts';
import type { AnnounceState, Desired, DesiredDevice, DesiredLocalVip, DesiredPool, DesiredVip } from '../model/desired.ts';
import { announceState, type RouteInput, type RouteScope, routeScope, withheld } from './announce-state.ts';
import { serviceState } from './desired-local-vip.ts';
import { type KnownPools, type Observed, resolvePools } from './desired-pool.ts';

export interface ResolveInput extends RouteInput {
  readonly revision: number;
  /** 64 hex digits. */
  readonly clusterSecret: string;
  readonly observed: Observed;
  /** An earlier one: what comes out as it did there is the very same object, VIPs and pools and the list of all VIPs. */
  readonly before?: Resolved | null;
}

/** A desired state and what it was made of. */
export interface Resolved extends KnownPools {
  readonly desired: Desired;
}

export function resolve(input: ResolveInput): Desired {
  const { config, before = null } = input;
  const pools = resolvePools(input, before);
  const byName = new Map(pools.map((pool) => [pool.name, pool]));
  const configs = new Map(config.pools.map((pool) => [pool.name, pool]));
  const { address, address6, devices, answers, entropy } = config.node;
  const scope: Scope = { input, routes: routeScope(input), pools: byName, configs };
  return {
    revision: input.revision,
    node: { address, address6, devices: devices.map(({ name }) => deviceOf(name, input.observed)), answers, entropy },
    clusterSecret: input.clusterSecret,
    tenants: config.tenants,
    vips: kept(
      config.vips.map((vip, i) => resolveVip(vip, before?.config.vips[i] === vip ? before.desired.vips[i] : undefined, scope)),
      before?.desired.vips,
    ),
    localVips: kept(
      config.localVips.map((vip) => resolveLocalVip(vip, scope)),
      before?.desired.localVips,
    ),
    pools,
  };
}

/** `before` where it holds the same objects. */
function kept<Item>(items: readonly Item[], before: readonly Item[] | undefined): readonly Item[] {
  return before?.length === items.length && items.every((item, i) => item === before[i]) ? before : items;
}

/** A device that was not looked at yet sends nothing: no next hop is resolved then either. */
function deviceOf(name: string, { devices }: Observed): DesiredDevice {
  return { name, ...(devices.get(name) ?? { mac: '00:00:00:00:00:00', mtuBytes: 0 }) };
}

interface Scope {
  readonly input: ResolveInput;
  readonly routes: RouteScope;
  readonly pools: ReadonlyMap<string, DesiredPool>;
  readonly configs: ReadonlyMap<string, PoolConfig>;
}

/** `known`: what became of it before. */
function resolveVip(vip: VipConfig, known: DesiredVip | undefined, scope: Scope): DesiredVip {
  const pool = scope.pools.get(vip.pool);
  const fallback = pool !== undefined && !pool.usable ? scope.pools.get(pool.fallback ?? '') : undefined;
  const activePool = fallback?.usable === true ? fallback.name : vip.pool;
  const keptPool = activePool === vip.pool ? (pool?.fallback ?? vip.pool) : vip.pool;
  const announce = announceState(vip, poolState(vip, scope), scope.routes);
  if (known?.activePool === activePool && known.keptPool === keptPool && isSameState(known.announce, announce)) return known;
  // Each by its name: copying an object with more keys added is a hundred times slower, and there may be ten thousand.
  const { name, prefix, tenant, policy, aggregate, isBlackhole, protocol, ports, hash, encap, entropy, timeouts } = vip;
  return {
    name,
    prefix,
    tenant,
    policy,
    aggregate,
    isBlackhole,
    protocol,
    ports,
    pool: vip.pool,
    activePool,
    keptPool,
    hash,
    encap,
    entropy,
    timeouts,
    announce,
  };
}

function isSameState(a: AnnounceState, b: AnnounceState): boolean {
  if (a.kind === 'announce' || b.kind === 'announce') return a.kind === b.kind;
  return (
    a.kind === b.kind && a.reason === b.reason && (a.kind === 'withheld' ? a.by : null) === (b.kind === 'withheld' ? b.by : null)
  );
}

function resolveLocalVip(vip: LocalVipConfig, scope: Scope): DesiredLocalVip {
  const { healthCheck: _, ...routed } = vip;
  const { health, announce } = serviceState(vip, scope.input);
  return { ...routed, health, announce: announceState(vip, announce, scope.routes) };
}

/** What its pool would have announced. */
function poolState(vip: VipConfig, { input, pools, configs }: Scope): AnnounceState {
  if (input.config.node.devices.length === 0) return withheld('document', 'node.devices is empty: nothing forwards packets here');
  const pool = pools.get(vip.pool);
  const config = configs.get(vip.pool);
  if (pool === undefined || config === undefined) return withheld('document', `there is no pool ${vip.pool}`);
  if (pool.usable) return input.warming.has(pool.name) ? withheld('health', warmingReason(pool)) : { kind: 'announce' };
  return whenUnusable(pool, config, pools);
}

function whenUnusable(pool: DesiredPool, config: PoolConfig, pools: ReadonlyMap<string, DesiredPool>): AnnounceState {
  const reason = unusableReason(pool, config.minHealthy);
  // Before the first checks have ended nothing is down yet: another node can serve meanwhile.
  const isUndecided = pool.backends.length > 0 && pool.backends.every(({ health }) => health === 'unknown');
  if (isUndecided || config.onAllDown === 'withdraw') return withheld('health', reason);
  if (config.onAllDown === 'drop') return { kind: 'announce' };
  const fallback = pools.get(pool.fallback ?? '');
  if (fallback === undefined) return withheld('health', reason);
  if (fallback.usable) return { kind: 'announce' };
  return withheld('health', `${reason}; nor in its fallback: ${unusableReason(fallback, 1)}`);
}

const namedBackends = 4;

/** The first few, and how many more. */
function firstNames(names: readonly string[]): string {
  const more = names.length > namedBackends ? [`and ${names.length - namedBackends} more`] : [];
  return [...names.slice(0, namedBackends), ...more].join(', ');
}

function warmingReason({ name, backends }: DesiredPool): string {
  const open = backends.filter(({ health, nextHop }) => health === 'unknown' || nextHop.kind === 'unresolved');
  return `first checks in pool ${name} are under way: ${firstNames(open.map(({ address, reason }) => `${address} ${reason}`))}`;
}

function unusableReason(pool: DesiredPool, minHealthy: number): string {
  if (pool.backends.length === 0) return `pool ${pool.name} has no backends`;
  const usable = pool.backends.filter(({ takesNewFlows }) => takesNewFlows).length;
  const others = pool.backends.filter(({ takesNewFlows }) => !takesNewFlows);
  const named = firstNames(others.map(({ address, reason }) => `${address} ${reason}`));
  const what =
    usable === 0 ? `no usable backend in pool ${pool.name}` : `${usable} usable of minHealthy ${minHealthy} in pool ${pool.name}`;
  return named === '' ? what : `${what}: ${named}`;
}
