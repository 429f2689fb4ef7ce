// Renders the exposition with prom-client, and keeps the text while nothing has changed. Runs in the metrics thread: at
// ten thousand VIPs a rendering takes a good part of a second, which no other thread could give.

import { Counter, Gauge, Registry } from 'prom-client';
import { collectAll } from './collect.ts';
import { definitions, type MetricDefinition, type MetricId } from './definitions.ts';
import type { CounterReader, MetricsDirectory, MetricsState } from './sources.ts';

interface ExpositionParams {
  readonly version: string;
  readonly layoutVersion: number;
  readonly counters: CounterReader | null;
  /** Milliseconds, any origin. */
  readonly now: () => number;
}

interface Series {
  readonly labels: readonly string[];
  put(labels: Record<string, string>, value: number): void;
}

export class Exposition {
  readonly #params: ExpositionParams;
  readonly #registry = new Registry();
  readonly #series: ReadonlyMap<MetricId, Series>;
  #directory: MetricsDirectory | null = null;
  #state: MetricsState | null = null;
  /** Counts what was set, so that a fingerprint tells a new directory or state from the old one. */
  #version = 0;
  #cached: { readonly fingerprint: string; readonly text: string } | null = null;
  #renderMs = 0;

  constructor(params: ExpositionParams) {
    this.#params = params;
    const entries = Object.entries(definitions).map(([id, each]) => [id as MetricId, this.#register(each)] as const);
    this.#series = new Map(entries);
  }

  setDirectory(directory: MetricsDirectory): void {
    this.#directory = directory;
    this.#version += 1;
  }

  setState(state: MetricsState): void {
    this.#state = state;
    this.#version += 1;
  }

  async text(): Promise<string> {
    const fingerprint = this.#fingerprint();
    if (this.#cached?.fingerprint === fingerprint) return this.#cached.text;
    const started = this.#params.now();
    this.#registry.resetMetrics();
    collectAll({ ...this.#params, directory: this.#directory, state: this.#state }, (id, value, ...labels) =>
      this.#put(id, value, labels),
    );
    this.#put('renderDuration', this.#renderMs / 1000, []);
    const text = await this.#registry.metrics();
    this.#renderMs = this.#params.now() - started;
    this.#cached = { fingerprint, text };
    return text;
  }

  /** Equal while no packet came and nothing was set; idle bursts and heartbeats do not count as change. */
  #fingerprint(): string {
    const workers = this.#params.counters?.workers() ?? [];
    const moved = workers.map(({ generation, rxPackets, rxLost, flows }) => [generation, rxPackets, rxLost, flows]);
    return JSON.stringify([this.#version, moved]);
  }

  #put(id: MetricId, value: number, labels: readonly string[]): void {
    const series = this.#series.get(id);
    if (series === undefined) return;
    series.put(Object.fromEntries(series.labels.map((name, i) => [name, labels[i] ?? ''])), value);
  }

  #register({ name, kind, help, labels }: MetricDefinition): Series {
    const configuration = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (kind === 'gauge') {
      const gauge = new Gauge(configuration);
      return { labels, put: (values, value) => gauge.set(values, value) };
    }
    const counter = new Counter(configuration);
    return { labels, put: (values, value) => counter.inc(values, value) };
  }
}
