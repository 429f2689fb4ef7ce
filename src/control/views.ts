// The JSON of GET /v1/*: the newest state, what is in force of it, and live counters. Pure apart from reading counters
// in place; runs in the config worker, so that main never renders a large list.

import type { QueueFacts } from '../dataplane/addon.ts';
import { backendKey } from '../model/backend.ts';
import type { Desired, DesiredBackend, DesiredLocalVip, DesiredVip, RoutedVip } from '../model/desired.ts';
import type {
  BackendView,
  EngineView,
  PoolView,
  QueueView,
  ReadView,
  StatusView,
  TenantView,
  TrafficView,
  VipView,
} from '../model/views.ts';
import type { NodeFacts } from './messages.ts';
import { overrideViews } from './overrides.ts';
import type { Applied } from './planner.ts';
import type { BackendTotals, Compiler, Counters, VipTotals, WorkerTotals } from './ports.ts';
import { type VipState, vipStates } from './vip-state.ts';

export interface ViewSource {
  readonly facts: NodeFacts;
  readonly newest: Applied;
  /** Null before every worker has adopted the first state. */
  readonly applied: Applied | null;
  /** Null on a node without a packet path. */
  readonly counters: Counters | null;
  readonly compiler: Compiler | null;
  readonly version: string;
  readonly startedAtMs: number;
  readonly generation: number;
  readonly appliedAtMs: number | null;
  readonly applyMs: number | null;
  readonly lastError: StatusView['lastError'];
  readonly warnings: readonly string[];
}

type Renderers = { readonly [R in Exclude<keyof ReadView, 'peers'>]: (source: ViewSource) => ReadView[R] };

export const views: Renderers = {
  status: statusView,
  vips: vipViews,
  backends: backendViews,
  pools: poolViews,
  tenants: tenantViews,
  engine: engineView,
};

const noTraffic: TrafficView = { packets: 0, bytesIn: 0, bytesOut: 0, newFlows: 0 };

/** Forwarding VIPs of the document; those on their way out are not shown. */
function shownVips({ newest }: ViewSource): readonly DesiredVip[] {
  const { desired, leaving } = newest;
  return leaving.size === 0 ? desired.vips : desired.vips.filter(({ name }) => !leaving.has(name));
}

/** Those of both modes. */
function allShownVips(source: ViewSource): readonly RoutedVip[] {
  return [...shownVips(source), ...source.newest.desired.localVips];
}

function vipViews(source: ViewSource): readonly VipView[] {
  const stateOf = vipStates(source);
  return [...forwardViews(source, stateOf), ...source.newest.desired.localVips.map((vip) => localView(vip, stateOf(vip)))];
}

function localView({ name, tenant, health }: DesiredLocalVip, state: VipState): VipView {
  return {
    vip: name,
    tenant,
    mode: 'local',
    pool: null,
    activePool: null,
    health,
    ...state,
    usableBackends: 0,
    backends: 0,
    traffic: noTraffic,
    drops: {},
  };
}

function forwardViews(source: ViewSource, stateOf: (vip: RoutedVip) => VipState): readonly VipView[] {
  const { counters } = source;
  const { desired } = source.newest;
  const indices = source.applied?.draft?.indices.vips;
  const usable = new Map(
    desired.pools.map((pool) => [pool.name, pool.backends.filter(({ takesNewFlows }) => takesNewFlows).length]),
  );
  const sizes = new Map(desired.pools.map((pool) => [pool.name, pool.backends.length]));
  return shownVips(source).map((vip) => {
    const index = indices?.get(vip.name)?.index;
    const totals = index === undefined ? undefined : counters?.vip(index);
    return {
      vip: vip.name,
      tenant: vip.tenant,
      mode: 'forward',
      pool: vip.pool,
      activePool: vip.activePool,
      health: null,
      ...stateOf(vip),
      usableBackends: usable.get(vip.activePool) ?? 0,
      backends: sizes.get(vip.activePool) ?? 0,
      traffic: totals === undefined ? noTraffic : vipTraffic(totals),
      drops: totals === undefined || counters === null ? {} : dropsOf(totals.verdicts, counters),
    };
  });
}

function vipTraffic({ bytesIn, bytesOut, newFlows, verdicts }: VipTotals): TrafficView {
  return { packets: verdicts.reduce((sum, count) => sum + count, 0), bytesIn, bytesOut, newFlows };
}

/** Drops by reason; reasons with none are left out. */
function dropsOf(counts: readonly number[], { verdicts }: Counters): Readonly<Record<string, number>> {
  const drops: Record<string, number> = {};
  for (const [number, { kind, reason }] of verdicts.entries()) {
    const count = counts[number] ?? 0;
    if (kind === 'drop' && count > 0) drops[reason] = count;
  }
  return drops;
}

function backendViews(source: ViewSource): readonly BackendView[] {
  const { counters, compiler } = source;
  const indices = source.applied?.draft?.indices.backends;
  return source.newest.desired.pools.flatMap((pool) => {
    const slots = compiler?.slotCounts(pool.name);
    return pool.backends.map((backend) => {
      const index = indices?.get(backendKey(backend.pool, backend.address))?.index;
      const totals = index === undefined ? undefined : counters?.backend(index);
      const share = index === undefined || slots === undefined ? 0 : (slots.get(index) ?? 0) / pool.tableSize;
      return {
        ...backendWords(backend),
        share,
        traffic: backendTraffic(totals),
        resteered: totals?.resteered ?? 0,
        unreachable: totals?.unreachable ?? 0,
      };
    });
  });
}

function backendWords(backend: DesiredBackend): Omit<BackendView, 'share' | 'traffic' | 'resteered' | 'unreachable'> {
  const { pool, address, weight, state, health, takesNewFlows, reason, nextHop } = backend;
  const { device, mac, mtuBytes } = nextHop.kind === 'resolved' ? nextHop : { device: '', mac: '', mtuBytes: 0 };
  const hop = nextHop.kind === 'resolved' ? { device, mac, mtuBytes } : null;
  return { pool, address, weight, state, health, takesNewFlows, reason, nextHop: hop };
}

function backendTraffic(totals: BackendTotals | undefined): TrafficView {
  if (totals === undefined) return noTraffic;
  const { packets, bytesIn, bytesOut, newFlows } = totals;
  return { packets, bytesIn, bytesOut, newFlows };
}

function poolViews({ newest, applied }: ViewSource): readonly PoolView[] {
  return newest.desired.pools.map(({ name, tableSize, usable, backends }) => {
    const { fillChecksum, tableChecksum } = applied?.draft?.tables.get(name) ?? { fillChecksum: '', tableChecksum: '' };
    return { pool: name, tableSize, usable, backends: backends.length, fillChecksum, tableChecksum };
  });
}

function tenantViews(source: ViewSource): readonly TenantView[] {
  const { counters } = source;
  const { desired } = source.newest;
  const indices = source.applied?.draft?.indices.tenants;
  const vips = new Map<string, number>();
  for (const { tenant } of allShownVips(source)) vips.set(tenant, (vips.get(tenant) ?? 0) + 1);
  return desired.tenants.map(({ name, plan }) => {
    const index = indices?.get(name)?.index;
    const { admitted, limited } = (index === undefined ? undefined : counters?.tenant(index)) ?? { admitted: 0, limited: 0 };
    return {
      tenant: name,
      plan: plan?.name ?? null,
      cps: plan?.cps ?? null,
      burst: plan?.burst ?? null,
      admitted,
      limited,
      vips: vips.get(name) ?? 0,
    };
  });
}

function statusView(source: ViewSource): StatusView {
  const { facts, newest, counters, lastError, applyMs } = source;
  const { intent, desired } = newest;
  const stateOf = vipStates(source);
  const vips = allShownVips(source);
  const workers = counters?.workers() ?? [];
  const sum = (of: (worker: WorkerTotals) => number): number => workers.reduce((total, worker) => total + of(worker), 0);
  return {
    node: desired.node.address ?? desired.node.address6,
    version: source.version,
    startedAt: new Date(source.startedAtMs).toISOString(),
    ready: facts.ready,
    revision: intent.revision,
    generation: source.generation,
    source: intent.document.source,
    appliedAt: source.appliedAtMs === null ? null : new Date(source.appliedAtMs).toISOString(),
    applyMs,
    lastError,
    warnings: [...intent.document.warnings, ...source.warnings, ...facts.warnings],
    vips: { total: vips.length, announced: vips.filter((vip) => isAnnounced(stateOf(vip))).length },
    backends: backendCounts(desired),
    peers: facts.peers,
    engine: facts.engine,
    workers: workers.map((worker, number) => workerView(worker, number, source)),
    flowTable: {
      entries: sum(({ flows }) => flows),
      capacity: facts.flowCapacity,
      untracked: sum(({ untracked }) => untracked),
      evicted: sum(({ evicted }) => evicted),
    },
    overrides: overrideViews(intent.overrides),
  };
}

/** A route that drains still brings traffic, a blackhole brings none. */
function isAnnounced({ state }: VipState): boolean {
  return state === 'announced' || state === 'draining';
}

function backendCounts({ pools }: Desired): StatusView['backends'] {
  const backends = pools.flatMap((pool) => pool.backends);
  return { total: backends.length, usable: backends.filter(({ takesNewFlows }) => takesNewFlows).length };
}

function workerView(worker: WorkerTotals, number: number, { facts, counters }: ViewSource): StatusView['workers'][number] {
  const known = facts.workers[number] ?? { device: '', engine: facts.engine, core: null, busyRatio: 0, burstSize: null };
  const verdicts: Record<string, number> = {};
  for (const [i, { kind, reason }] of (counters?.verdicts ?? []).entries()) {
    const count = worker.verdicts[i] ?? 0;
    if (count > 0) verdicts[reason === 'none' ? kind : `${kind}:${reason}`] = count;
  }
  const { generation, rxPackets, rxLost, flows } = worker;
  return { worker: number, ...known, generation, rxPackets, rxLost, flows, verdicts };
}

function engineView(source: ViewSource): EngineView {
  const { facts, counters } = source;
  const queues = counters?.queues() ?? [];
  return {
    engine: facts.engine,
    devices: facts.devices.map(({ name, engine, state }, device) => ({
      device: name,
      asked: engine,
      state,
      queues: queues.filter((queue) => queue.device === device).map(queueView),
    })),
    workers: (counters?.workers() ?? []).map((worker, number) => workerView(worker, number, source)),
  };
}

function queueView(facts: QueueFacts): QueueView {
  const { queue, worker, engine, xdp, copy, busyPolling, hugePages, rings, statistics } = facts;
  const reason = facts.reason === '' ? null : facts.reason;
  return { queue, worker, engine, xdp, copy, busyPolling, hugePages, reason, rings, statistics };
}
