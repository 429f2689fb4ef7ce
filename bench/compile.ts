// From a document's text to tables in force, in this process: read, resolve, compile, fill, load, without threads, device or
// privilege. What a node's config worker and main thread do for one document, one after the other.

import type { Config } from '../src/config/config.ts';
import { parseOrThrow, type ReadDocument } from '../src/config/parse.ts';
import { type Resolved, resolve } from '../src/control/desired.ts';
import type { Observed } from '../src/control/desired-pool.ts';
import { NativeCompiler } from '../src/control/native-compiler.ts';
import { noOverrides } from '../src/control/overrides.ts';
import { type DataplaneAddon, type EngineId, loadDataplaneAddon } from '../src/dataplane/addon.ts';
import { capacityFor } from '../src/dataplane/capacity.ts';
import type { NextHop } from '../src/model/backend.ts';
import { type DocumentSize, documentOf } from './documents.ts';
import type { BenchOptions, Measure } from './report.ts';

const size: DocumentSize = { vips: 10_000, pools: 200, backends: 10_000, protocol: 'tcp' };
const device = { name: 'eth0', mac: '02:00:00:00:00:01', mtuBytes: 1500 };
const nextHop: NextHop = { kind: 'resolved', device: 'eth0', mac: '02:00:00:00:00:02', mtuBytes: 1500 };

/** Milliseconds of each stage. */
interface Stages {
  readonly parse: number;
  readonly resolve: number;
  readonly compile: number;
  readonly load: number;
}

class Pipeline {
  readonly #addon: DataplaneAddon = loadDataplaneAddon();
  readonly #engine: EngineId;
  readonly #compiler: NativeCompiler;
  /** The document that is loaded. */
  #read: ReadDocument | undefined;
  #resolved: Resolved | null = null;

  constructor() {
    this.#engine = this.#addon.open(capacityFor(this.#addon.layout(), { workers: 1, flowEntries: 1024 }));
    this.#compiler = new NativeCompiler(this.#addon, this.#engine);
  }

  put(text: string): Stages {
    const started = performance.now();
    const { config, read } = parseOrThrow(text, 'bench', { before: this.#read });
    const parsed = performance.now();
    const observed = this.#resolved?.observed ?? observedOf(config);
    const overrides = this.#resolved?.overrides ?? noOverrides;
    const observing = performance.now();
    const desired = resolve({
      revision: 1,
      config,
      clusterSecret: '5a'.repeat(32),
      overrides,
      observed,
      leaving: new Set(),
      warming: new Set(),
      draining: new Set(),
      announced: new Set(),
      before: this.#resolved,
    });
    const resolved = performance.now();
    const draft = this.#compiler.draft(desired);
    const compiled = performance.now();
    this.#addon.load(this.#engine, draft.snapshot);
    this.#compiler.keep(draft);
    const ended = performance.now();
    this.#read = read;
    this.#resolved = { config, overrides, observed, desired };
    return { parse: parsed - started, resolve: resolved - observing, compile: compiled - resolved, load: ended - compiled };
  }

  close(): void {
    this.#addon.close(this.#engine);
  }
}

/** Of the first document; its changes here are of weights alone. */
function observedOf({ pools }: Config): Observed {
  const addresses = pools.flatMap(({ backends }) => backends.map(({ address }) => address));
  const nextHops = new Map(addresses.map((address) => [address, nextHop]));
  return { health: new Map(), nextHops, devices: new Map([[device.name, device]]) };
}

function total(stages: Stages): number {
  return Object.values(stages).reduce((sum: number, ms: number) => sum + ms, 0);
}

/** The quickest of several; stages of one and the same run. */
function quickest(runs: readonly Stages[]): Stages {
  return runs.reduce((best, run) => (total(run) < total(best) ? run : best));
}

function withPipeline<T>(use: (pipeline: Pipeline) => T): T {
  const pipeline = new Pipeline();
  try {
    return use(pipeline);
  } finally {
    pipeline.close();
  }
}

function textOf(firstWeight: number): string {
  const node = { address: '10.66.0.11', devices: [{ name: device.name }] };
  return JSON.stringify({ version: 1, node, ...documentOf(size, { firstWeight }) });
}

export function measureCompile({ isQuick }: BenchOptions, report: (measure: Measure) => void): void {
  const tries = isQuick ? 2 : 5;
  const tell = (name: string, limit: number, runs: readonly Stages[]): void => {
    const stages = quickest(runs);
    report({ name, value: total(stages), unit: 'ms', limit });
    for (const [stage, value] of Object.entries(stages)) report({ name: `${name}: ${stage}`, value, unit: 'ms' });
  };
  const first = textOf(100);
  tell(
    `compile ${size.vips} VIPs`,
    1000,
    Array.from({ length: tries }, () => withPipeline((pipeline) => pipeline.put(first))),
  );
  const changes = withPipeline((pipeline) => {
    pipeline.put(first);
    return Array.from({ length: tries }, (_, i) => pipeline.put(textOf(101 + i)));
  });
  tell(`compile ${size.vips} VIPs, one backend changed`, 250, changes);
}
