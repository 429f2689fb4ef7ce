// Tells the metrics thread once a second what only the main thread knows, and just before a scrape. Main thread.

import type { FromConfig, NodeFacts } from '../control/messages.ts';
import { ToriiError } from '../errors.ts';
import type { ChecksThread } from '../health/remote-monitor.ts';
import { EventLoopMeter } from '../metrics/event-loop.ts';
import type { MetricsThread } from '../metrics/remote-metrics.ts';
import type { MetricsState } from '../metrics/sources.ts';
import type { PeerStatus } from '../model/peer.ts';

const intervalMs = 1000;

export interface MetricsFeedParams {
  readonly startedAtMs: number;
  readonly facts: () => NodeFacts;
  readonly peers: () => readonly PeerStatus[];
  readonly bfdDiscards: () => Readonly<Record<string, number>>;
}

export class MetricsFeed {
  readonly #params: MetricsFeedParams;
  readonly #loop = new EventLoopMeter();
  #metrics: MetricsThread | undefined;
  #checks: ChecksThread | undefined;
  #timer: NodeJS.Timeout | undefined;
  #applied = 0;
  #refused = 0;
  #latest: { readonly applyMs: number | null; readonly overrides: number; readonly maintenance: boolean } = {
    applyMs: null,
    overrides: 0,
    maintenance: false,
  };
  #lag = { p50Ms: 0, p99Ms: 0, maxMs: 0 };

  constructor(params: MetricsFeedParams) {
    this.#params = params;
  }

  start(metrics: MetricsThread, checks: ChecksThread): void {
    this.#metrics = metrics;
    this.#checks = checks;
    this.#timer = setInterval(() => {
      this.#lag = this.#loop.read();
      void this.#post();
    }, intervalMs);
  }

  applied({ applyMs, overrides, maintenance }: Extract<FromConfig, { kind: 'applied' }>): void {
    this.#applied++;
    this.#latest = { applyMs, overrides, maintenance };
  }

  refused(): void {
    this.#refused++;
  }

  async render(): Promise<Uint8Array> {
    if (this.#metrics === undefined) throw new ToriiError('not_ready', 'torii is starting');
    await this.#post();
    return this.#metrics.render();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#loop.close();
  }

  async #post(): Promise<void> {
    const checks = (await this.#checks?.stats()) ?? [];
    const { ready, devices, workers, flowCapacity } = this.#params.facts();
    const state: MetricsState = {
      startedAtMs: this.#params.startedAtMs,
      ready,
      ...this.#latest,
      applied: this.#applied,
      refused: this.#refused,
      peers: this.#params.peers(),
      bfdDiscards: this.#params.bfdDiscards(),
      checks,
      eventLoops: [{ thread: 'main', ...this.#lag }],
      devices: devices.map(({ name }) => name),
      workers: workers.map(({ device, engine }) => ({ device, engine, flowCapacity: flowCapacity / workers.length })),
    };
    this.#metrics?.setState(state);
  }
}
