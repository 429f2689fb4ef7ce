// How late an event loop is, sampled twenty times a second. One instance per thread that wants to be seen; reading it starts a new
// period.

import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface EventLoopLag {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** A timer of every 10 ms would be more than half of what an idle balancer costs. */
const resolutionMs = 50;

export class EventLoopMeter {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor() {
    this.#histogram.enable();
  }

  /** The lag since the last call. The histogram measures the timer's period: what is late is what exceeds it. */
  read(): EventLoopLag {
    const lateMs = (ns: number): number => (Number.isFinite(ns) ? Math.max(0, ns / 1e6 - resolutionMs) : 0);
    const lag = {
      p50Ms: lateMs(this.#histogram.percentile(50)),
      p99Ms: lateMs(this.#histogram.percentile(99)),
      maxMs: lateMs(this.#histogram.max),
    };
    this.#histogram.reset();
    return lag;
  }

  close(): void {
    this.#histogram.disable();
  }
}
