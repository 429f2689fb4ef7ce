// The packet core on memory: frames in, frames out, no device, any clock. Behind tests, bench and replay.
//
// Keeps flows, buckets and counters between runs, as a live engine does. Runs in the calling thread.

import type { Desired } from '../model/desired.ts';
import { type Allocation, emptyAllocation } from '../steering/allocate-all.ts';
import { type Compiled, compile } from '../steering/snapshot.ts';
import { type Capacity, type DataplaneAddon, type EngineId, loadDataplaneAddon, type RunOutput } from './addon.ts';
import { capacityFor } from './capacity.ts';
import { Counters } from './counters.ts';
import { TableFiller } from './tables.ts';

export interface Frame {
  readonly bytes: Uint8Array;
  readonly timeNs: bigint;
}

export interface FrameOutcome {
  readonly verdict: 'forward' | 'pass' | 'answer' | 'drop';
  readonly reason: string | null;
  readonly vip: string | null;
  readonly tenant: string | null;
  readonly backend: string | null;
  readonly flow: 'new' | 'known' | 'untracked' | 'none';
  /** What leaves, in order. */
  readonly out: readonly Uint8Array[];
}

const outcomeWords = 8;

/** A fragment's age is known up to three days. */
export const restPeriodNs = 86_400n * 1_000_000_000n;

export class MemoryEngine {
  readonly counters: Counters;
  readonly engine: EngineId;
  readonly #addon: DataplaneAddon;
  readonly #tables: TableFiller;
  #allocation;
  #names: Names = { vips: new Map(), tenants: new Map(), backends: new Map() };

  /** Tests give an addon that runs the same core elsewhere, and what that one has room for. */
  constructor(options: {
    readonly flowEntries: number;
    readonly workers?: number;
    readonly flowRecords?: boolean;
    readonly addon?: DataplaneAddon;
    readonly limits?: Partial<Capacity>;
  }) {
    this.#addon = options.addon ?? loadDataplaneAddon();
    const sizes = capacityFor(this.#addon.layout(), {
      workers: options.workers ?? 1,
      flowEntries: options.flowEntries,
      flowRecords: options.flowRecords ?? false,
    });
    const capacity = { ...sizes, ...options.limits };
    this.engine = this.#addon.open(capacity);
    this.counters = new Counters(this.#addon, this.engine);
    this.#tables = new TableFiller(this.#addon, this.engine);
    this.#allocation = emptyAllocation(capacity.slotLines);
  }

  /** Compiles, fills, loads. Throws what compile() and native validation throw; the old snapshot then stays. */
  load(desired: Desired, nowNs = 0n): Compiled {
    const compiled = compile(desired, this.#allocation, this.#addon.layout());
    this.#tables.fill(compiled.fills);
    this.#addon.load(this.engine, compiled.bytes, nowNs);
    this.#allocation = compiled.allocation;
    this.#tables.keep(new Set(desired.pools.map(({ name }) => name)));
    this.#names = namesOf(compiled.allocation);
    return compiled;
  }

  /** Each frame is judged at its own time, or at the latest so far. */
  run(frames: readonly Frame[], worker = 0): FrameOutcome[] {
    const lengths = Uint32Array.from(frames, ({ bytes }) => bytes.length);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const input = new Uint8Array(total);
    let at = 0;
    for (const { bytes } of frames) {
      input.set(bytes, at);
      at += bytes.length;
    }
    const outcomes = new Uint32Array(frames.length * outcomeWords);
    const times = BigUint64Array.from(frames, ({ timeNs }) => timeNs);
    const output = this.#addon.run(this.engine, worker, input, lengths, times, outcomes);
    return frames.map((_, i) => this.#outcome(outcomes.subarray(i * outcomeWords, (i + 1) * outcomeWords), output));
  }

  /**
   * Forgets what has expired by `nowNs`. An entry tells its age by few bits, so over a clock that jumps this is due once in
   * restPeriodNs; times never go back.
   */
  rest(nowNs: bigint, worker = 0): void {
    this.#addon.rest(this.engine, worker, nowNs);
  }

  close(): void {
    this.#addon.close(this.engine);
  }

  #outcome(words: Uint32Array, { bytes, frames }: RunOutput): FrameOutcome {
    const [verdict = 0, flow = 0, vip = 0, tenant = 0, backend = 0, , first = 0, count = 0] = words;
    const entry = this.counters.verdicts[verdict];
    return {
      verdict: entry?.kind ?? 'drop',
      reason: entry === undefined || entry.reason === 'none' ? null : entry.reason,
      vip: this.#names.vips.get(vip) ?? null,
      tenant: this.#names.tenants.get(tenant) ?? null,
      backend: this.#names.backends.get(backend) ?? null,
      flow: flowNames[flow] ?? 'none',
      out: Array.from({ length: count }, (_, i) => {
        const [offset = 0, length = 0] = frames.subarray((first + i) * 2, (first + i) * 2 + 2);
        return bytes.slice(offset, offset + length);
      }),
    };
  }
}

const flowNames = ['none', 'new', 'known', 'untracked'] as const;

interface Names {
  readonly vips: ReadonlyMap<number, string>;
  readonly tenants: ReadonlyMap<number, string>;
  /** Addresses. */
  readonly backends: ReadonlyMap<number, string>;
}

function namesOf({ vips, tenants, backends }: Allocation): Names {
  return {
    vips: new Map([...vips.owned].map(([name, { index }]) => [index, name])),
    tenants: new Map([...tenants.owned].map(([name, { index }]) => [index, name])),
    backends: new Map([...backends.owned].map(([key, { index }]) => [index, key.slice(key.lastIndexOf('/') + 1)])),
  };
}
