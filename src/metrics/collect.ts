// Turns the sources into values of the defined metrics. Pure: what it finds goes to `put`.

import type { QueueFacts } from '../dataplane/addon.ts';
import type { VipCounters, WorkerCounters } from '../dataplane/counters.ts';
import type { BfdStatus } from '../model/bfd.ts';
import { vipKeyPrefix } from '../model/health-check.ts';
import type { PeerStatus } from '../model/peer.ts';
import type { MetricId } from './definitions.ts';
import type { CheckRow, CounterReader, MetricsDirectory, MetricsState, Sources } from './sources.ts';

/** Takes one value; label values in the order of the definition. Called once per series and rendering. */
export type Put = (id: MetricId, value: number, ...labels: readonly string[]) => void;

export function collectAll(sources: Sources, put: Put): void {
  const { version, layoutVersion, counters, directory, state } = sources;
  put('buildInfo', 1, version, String(layoutVersion));
  if (state !== null) collectState(state, put);
  if (directory !== null) collectDirectory(directory, isHeard(state), put);
  if (counters === null) return;
  collectWorkers(counters, state, put);
  if (state !== null) collectQueues(counters.queues(), state.devices, put);
  if (directory !== null) collectTraffic(counters, directory, put);
}

function collectState(state: MetricsState, put: Put): void {
  put('startTime', state.startedAtMs / 1000);
  put('ready', Number(state.ready));
  put('maintenance', Number(state.maintenance));
  put('overrides', state.overrides);
  put('applies', state.applied, 'applied');
  put('applies', state.refused, 'refused');
  if (state.applyMs !== null) put('applyDuration', state.applyMs / 1000);
  for (const { thread, p50Ms, p99Ms, maxMs } of state.eventLoops) {
    put('eventLoopLag', p50Ms / 1000, thread, '0.5');
    put('eventLoopLag', p99Ms / 1000, thread, '0.99');
    put('eventLoopLag', maxMs / 1000, thread, '1');
  }
  for (const peer of state.peers) collectPeer(peer, put);
  for (const [reason, count] of Object.entries(state.bfdDiscards)) put('bfdDiscarded', count, reason);
  for (const [key, row] of checksByOwner(state.checks)) collectChecks(key, row, put);
}

const sessionStates = ['idle', 'connect', 'active', 'openSent', 'openConfirm', 'established'] as const;

function collectPeer(peer: PeerStatus, put: Put): void {
  const { address, state, messages, bfd } = peer;
  const isUp = state === 'established';
  put('sessionUp', Number(isUp), address);
  for (const each of sessionStates) put('sessionState', Number(each === state), address, each);
  put('sessionUptime', isUp ? peer.uptimeSec : 0, address);
  put('sessionFlaps', peer.flaps, address);
  put('prefixesAnnounced', peer.announced, address);
  for (const direction of ['sent', 'received'] as const) {
    for (const [type, count] of Object.entries(messages[direction])) put('bgpMessages', count, address, direction, type);
  }
  if (bfd !== null) collectBfd(bfd, address, put);
}

function collectBfd({ state, flaps, detectTimeMs, packets }: BfdStatus, address: string, put: Put): void {
  put('bfdUp', Number(state === 'up'), address);
  put('bfdFlaps', flaps, address);
  if (detectTimeMs !== null) put('bfdDetectTime', detectTimeMs / 1000, address);
  put('bfdPackets', packets.sent, address, 'sent');
  put('bfdPackets', packets.received, address, 'received');
}

/** Whoever changes its check has two keys for a moment; its counters must not be put twice. */
function checksByOwner(rows: readonly CheckRow[]): ReadonlyMap<string, CheckRow> {
  const sums = new Map<string, CheckRow>();
  for (const row of rows) {
    const key = row.key.slice(0, row.key.indexOf('|'));
    const before = sums.get(key);
    if (before === undefined) sums.set(key, { ...row, key });
    else {
      sums.set(key, {
        key,
        passed: before.passed + row.passed,
        failed: before.failed + row.failed,
        inconclusive: before.inconclusive + row.inconclusive,
        latencyMs: row.latencyMs ?? before.latencyMs,
      });
    }
  }
  return sums;
}

function collectChecks(key: string, row: CheckRow, put: Put): void {
  const isVip = key.startsWith(vipKeyPrefix);
  const slash = key.lastIndexOf('/');
  const labels = isVip ? [key.slice(vipKeyPrefix.length)] : [key.slice(0, slash), key.slice(slash + 1)];
  for (const result of ['passed', 'failed', 'inconclusive'] as const) {
    put(isVip ? 'vipChecks' : 'checks', row[result], ...labels, result);
  }
  if (row.latencyMs !== null) put(isVip ? 'vipCheckLatency' : 'checkLatency', row.latencyMs / 1000, ...labels);
}

/** A route that no router was told of is not announced. */
function isHeard(state: MetricsState | null): boolean {
  return state?.ready === true && state.peers.some((peer) => peer.state === 'established');
}

function collectDirectory(directory: MetricsDirectory, isAnyHeard: boolean, put: Put): void {
  const { revision, generation, vips, backends, tenants, pools } = directory;
  put('revision', revision);
  put('generation', generation);
  for (const { vip, tenant, announced, blackholed, health } of vips) {
    put('vipAnnounced', Number(announced && isAnyHeard), vip, tenant);
    if (blackholed) put('vipBlackholed', 1, vip, tenant);
    if (health !== null && health !== 'unknown') put('vipUp', Number(health === 'up'), vip, tenant);
  }
  for (const { pool, address, weight, health, takesNewFlows } of backends) {
    if (health !== 'unknown') put('backendUp', Number(health === 'up'), pool, address);
    put('backendTakesNewFlows', Number(takesNewFlows), pool, address);
    put('backendWeight', weight, pool, address);
  }
  for (const { tenant, cps, burst } of tenants) {
    if (cps !== null) put('tenantPlanCps', cps, tenant);
    if (burst !== null) put('tenantPlanBurst', burst, tenant);
  }
  for (const { pool, tableSize, usable, checksums } of pools) {
    put('poolUsable', Number(usable), pool);
    put('poolSlots', tableSize, pool);
    if (checksums === null) continue;
    put('poolFillChecksum', checksumValue(checksums.fillChecksum), pool);
    put('poolTableChecksum', checksumValue(checksums.tableChecksum), pool);
  }
}

/** The upper 52 bits of 16 hex digits: exact in a double, and a label would be a new series with every change. */
function checksumValue(hex: string): number {
  return Number.parseInt(hex.slice(0, 13), 16);
}

const statisticNames = {
  rxDropped: 'rx_dropped',
  rxInvalid: 'rx_invalid',
  txInvalid: 'tx_invalid',
  rxRingFull: 'rx_ring_full',
  fillRingEmpty: 'fill_ring_empty',
  txRingEmpty: 'tx_ring_empty',
} as const;

function collectQueues(queues: readonly QueueFacts[], devices: readonly string[], put: Put): void {
  for (const { device, queue, engine, xdp, copy, rings, statistics } of queues) {
    const name = devices[device] ?? '';
    put('engineInfo', 1, name, engine, xdp === 'none' ? copy : `${xdp} ${copy}`);
    for (const [ring, { size, used }] of Object.entries(rings)) {
      if (size === 0) continue;
      put('ringUsed', used, name, String(queue), ring);
      put('ringSize', size, name, String(queue), ring);
    }
    for (const [key, statistic] of Object.entries(statisticNames)) {
      const count = statistics[key as keyof typeof statisticNames];
      if (engine === 'af_xdp' || key === 'rxDropped') put('queueStatistics', count, name, String(queue), statistic);
    }
  }
}

function collectWorkers(reader: CounterReader, state: MetricsState | null, put: Put): void {
  for (const [number, counters] of reader.workers().entries()) {
    const known = state?.workers[number];
    const labels = [String(number), known?.device ?? ''];
    if (known !== undefined) {
      put('workerInfo', 1, ...labels, known.engine);
      put('flowCapacity', known.flowCapacity, ...labels);
    }
    collectWorker(counters, labels, put);
    for (const [i, { kind, reason }] of reader.verdicts.entries()) {
      put('workerVerdicts', counters.verdicts[i] ?? 0, ...labels, kind, reason === 'none' ? '' : reason);
    }
  }
}

function collectWorker(counters: WorkerCounters, labels: readonly string[], put: Put): void {
  put('workerGeneration', counters.generation, ...labels);
  put('workerReceivedPackets', counters.rxPackets, ...labels);
  put('workerReceivedBytes', counters.rxBytes, ...labels);
  put('workerSentPackets', counters.txPackets, ...labels);
  put('workerSentBytes', counters.txBytes, ...labels);
  put('workerBursts', counters.bursts, ...labels);
  put('workerBusy', counters.busyNs / 1e9, ...labels);
  put('workerReceiveLost', counters.rxLost, ...labels);
  put('workerSendErrors', counters.txErrors, ...labels);
  put('flows', counters.flows, ...labels);
  put('newFlows', counters.newFlows, ...labels);
  put('untracked', counters.untracked, ...labels);
  put('evicted', counters.evicted, ...labels);
  put('resteered', counters.resteered, ...labels);
}

function collectTraffic(counters: CounterReader, { vips, backends, tenants }: MetricsDirectory, put: Put): void {
  for (const { index, vip, tenant } of vips) {
    if (index !== 0) collectVip(counters.vip(index), counters.verdicts, [vip, tenant], put);
  }
  for (const { index, pool, address } of backends) {
    if (index === 0) continue;
    const { packets, bytesIn, bytesOut, newFlows, resteered, unreachable } = counters.backend(index);
    put('backendPackets', packets, pool, address);
    put('backendReceivedBytes', bytesIn, pool, address);
    put('backendSentBytes', bytesOut, pool, address);
    put('backendNewFlows', newFlows, pool, address);
    put('backendResteered', resteered, pool, address);
    put('backendUnreachable', unreachable, pool, address);
  }
  for (const { index, tenant } of tenants) {
    if (index === 0) continue;
    const { admitted, limited } = counters.tenant(index);
    put('tenantAdmitted', admitted, tenant);
    put('tenantLimited', limited, tenant);
  }
}

function collectVip(counters: VipCounters, verdicts: CounterReader['verdicts'], labels: readonly string[], put: Put): void {
  let received = 0;
  let sent = 0;
  for (const [i, { kind, reason }] of verdicts.entries()) {
    const count = counters.verdicts[i] ?? 0;
    received += count;
    if (kind === 'forward' || kind === 'answer') sent += count;
    if (kind === 'drop' && count > 0) put('vipDropped', count, ...labels, reason);
  }
  put('vipReceivedPackets', received, ...labels);
  put('vipReceivedBytes', counters.bytesIn, ...labels);
  put('vipSentPackets', sent, ...labels);
  put('vipSentBytes', counters.bytesOut, ...labels);
  put('vipNewFlows', counters.newFlows, ...labels);
  put('vipUntracked', counters.untracked, ...labels);
  put('vipEvicted', counters.evicted, ...labels);
  put('vipResteered', counters.resteered, ...labels);
}
