// How busy each packet worker was lately: the share of time it spent on packets, and how many came at once. Pure.
//
// Bursts grow as a worker falls behind, so a worker of busy ratio 1 with bursts of 64 has no room left; with small bursts it has.

import type { WorkerCounters } from './counters.ts';

/** Counters of all workers at one moment. */
export interface PaceSample {
  readonly atMs: number;
  readonly workers: readonly Pick<WorkerCounters, 'busyNs' | 'bursts' | 'rxPackets'>[];
}

export interface Pace {
  /** 0 … 1 */
  readonly busyRatio: number;
  /** Mean packets a burst; null where there was none. */
  readonly burstSize: number | null;
}

/** Of each worker, between two samples, the earlier first. */
export function paceBetween(from: PaceSample, to: PaceSample): readonly Pace[] {
  const elapsedNs = (to.atMs - from.atMs) * 1e6;
  return to.workers.map((now, i) => {
    const before = from.workers[i] ?? { busyNs: 0, bursts: 0, rxPackets: 0 };
    const bursts = now.bursts - before.bursts;
    const busyRatio = elapsedNs > 0 ? Math.min(1, (now.busyNs - before.busyNs) / elapsedNs) : 0;
    return { busyRatio, burstSize: bursts > 0 ? (now.rxPackets - before.rxPackets) / bursts : null };
  });
}
