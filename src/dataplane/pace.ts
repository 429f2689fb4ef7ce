// How busy each packet worker was lately: the share of time it spent on packets, and how many came at once. Pure.
//
// Bursts grow as a worker falls behind, so a worker of busy ratio 1 with bursts of 64 has no room left; with small bursts it has.

import type { WorkerCounters } from './counters.ts';

export interface WorkerSample extends Pick<WorkerCounters, 'busyNs' | 'bursts' | 'rxPackets'> {
  /** Packets dropped as `overload`. */
  readonly shed: number;
}

/** Counters of all workers at one moment. */
export interface PaceSample {
  readonly atMs: number;
  readonly workers: readonly WorkerSample[];
}

export interface Pace {
  /** 0 … 1 */
  readonly busyRatio: number;
  /** Mean packets a burst; null where there was none. */
  readonly burstSize: number | null;
  /** It dropped packets of tenants above their share, for want of CPU. */
  readonly isShort: boolean;
}

/** Of each worker, between two samples, the earlier first. */
export function paceBetween(from: PaceSample, to: PaceSample): readonly Pace[] {
  const elapsedNs = (to.atMs - from.atMs) * 1e6;
  return to.workers.map((now, i) => {
    const before = from.workers[i] ?? { busyNs: 0, bursts: 0, rxPackets: 0, shed: 0 };
    const bursts = now.bursts - before.bursts;
    const busyRatio = elapsedNs > 0 ? Math.min(1, (now.busyNs - before.busyNs) / elapsedNs) : 0;
    const burstSize = bursts > 0 ? (now.rxPackets - before.rxPackets) / bursts : null;
    return { busyRatio, burstSize, isShort: now.shed > before.shed };
  });
}
