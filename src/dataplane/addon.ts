// The only file that loads the packet path's native addon, and the types of what it offers.
//
// Every JavaScript thread loads it for itself and gets its own views of the same memory: an ArrayBuffer over native
// memory that is transferred to another thread is silently copied. Engines are numbers valid in the whole process.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { messageOf, ToriiError } from '../errors.ts';
import { checkLayout, type Layout } from '../steering/layout.ts';

export type EngineId = number;

export interface Capacity {
  /** Highest index + 1. */
  readonly vips: number;
  readonly backends: number;
  readonly tenants: number;
  /** Lines of 64 bytes. */
  readonly snapshotLines: number;
  readonly slotLines: number;
  /** Flow buckets per worker, four flows each; a power of two. */
  readonly flowLines: number;
  readonly workers: number;
  /** 1: flows have records. */
  readonly records: 0 | 1;
}

export interface CounterShape {
  readonly workers: number;
  readonly linesPerWorker: number;
  /** First lines of worker 0's blocks. */
  readonly vipCounters: number;
  readonly backendCounters: number;
  readonly tenantCounters: number;
  readonly flowLines: number;
  readonly slotLines: number;
  readonly hasRecords: boolean;
}

/** What left the memory engine, in order. */
export interface RunOutput {
  readonly bytes: Uint8Array;
  /** Offset and length of each frame. */
  readonly frames: Uint32Array;
}

/** What carries a device's packets: the engines of native/dataplane that stand behind device.h. */
export type EngineName = 'af_packet' | 'af_xdp';

export interface DeviceSpec {
  readonly name: string;
  /** `auto`: the best that starts. */
  readonly engine: EngineName | 'auto';
  /** 1: the worker polls the device's queues itself, where the engine and the kernel can. */
  readonly busyPoll?: 0 | 1;
  /** For tests. 1: as on a kernel before Linux 6.6, which has no tcx. */
  readonly withoutTcx?: 0 | 1;
}

/** `forwarding`: works, but the kernel would send the same packets a second time; `mtu`: larger packets than the engine takes may come. */
export type DeviceState = 'up' | 'forwarding' | 'mtu' | 'down' | 'gone';

/** Of a ring the engine does not have, both are 0. */
export interface RingLevel {
  readonly size: number;
  readonly used: number;
}

/** One hardware queue (or af_packet's socket) of a device, as the worker that holds it has it. */
export interface QueueFacts {
  /** In the order of start. */
  readonly device: number;
  readonly worker: number;
  readonly queue: number;
  readonly engine: EngineName;
  readonly xdp: 'native' | 'generic' | 'none';
  readonly copy: 'zero-copy' | 'copy' | 'ring';
  readonly busyPolling: boolean;
  readonly hugePages: boolean;
  /** Why nothing better; empty where this is the best there is. */
  readonly reason: string;
  readonly rings: Readonly<Record<'fill' | 'rx' | 'tx' | 'completion', RingLevel>>;
  /** Since the queue was opened; of af_packet only rxDropped, what found the ring full. */
  readonly statistics: Readonly<
    Record<'rxDropped' | 'rxInvalid' | 'txInvalid' | 'rxRingFull' | 'fillRingEmpty' | 'txRingEmpty', number>
  >;
}

/** One Maglev table: its members, each at the same place of every list, and where the slots go. */
export interface TableJob {
  /** 16 bytes each. */
  readonly identities: Uint8Array;
  readonly weights: Uint32Array;
  readonly backends: Uint16Array;
  readonly takesNew: Uint16Array;
  /** The table over all members: written, or, with `hasFilled`, read. */
  readonly filled: Uint16Array;
  readonly hasFilled: boolean;
  /** Written: the table without those that take no new flows. */
  readonly slots: Uint16Array;
}

/** 16 bytes, IPv4 mapped, and how many bits of them count; null: any. */
export type CapturePrefix = { readonly address: Uint8Array; readonly bits: number } | null;

/** Which packets a capture takes: all that hold. */
export interface CaptureFilter {
  /** Bit n: verdict number n. */
  readonly verdicts: number;
  /** Index; 0: any. */
  readonly vip: number;
  /** Source and destination as the packet came in. */
  readonly client: CapturePrefix;
  readonly destination: CapturePrefix;
  readonly backend: CapturePrefix;
  /** Of so many that are wanted the first is taken. */
  readonly sample: number;
  /** All workers together. */
  readonly ratePerSec: number;
  /** Of each packet, at most. */
  readonly snapBytes: number;
  /** Each packet as it leaves, too. */
  readonly withOutput: boolean;
}

/** matched = taken + limited (by the rate) + missed (a full ring) + those that `sample` left out. */
export interface CaptureCounts {
  readonly received: number;
  readonly matched: number;
  readonly taken: number;
  readonly limited: number;
  readonly missed: number;
}

export type Swept = 'nothing' | 'filter' | 'notOurs';

export interface DataplaneAddon {
  layout(): Layout;
  open(capacity: Capacity): EngineId;
  close(engine: EngineId): void;
  /** Takes the memory that load() of this snapshot will write, so that load() need not wait for it; not while one is under way. */
  prepare(engine: EngineId, snapshot: Uint8Array): void;
  /** Validates, copies, puts in force; returns the generation. Throws `busy` while a worker has not adopted the last one. */
  load(engine: EngineId, snapshot: Uint8Array, nowNs?: bigint): number;
  /** Lowest generation that every running worker has adopted. Devices stop taking what the snapshot in force does not serve. */
  adopted(engine: EngineId): number;
  shape(engine: EngineId): CounterShape;
  /** Live memory of SLOTS, FLOWS, COUNTERS, TENANTS, PATHS, or of RECORDS where there are some (layout().tables). Not to be used after close(). */
  view(engine: EngineId, table: number): ArrayBuffer;
  run(
    engine: EngineId,
    worker: number,
    frames: Uint8Array,
    lengths: Uint32Array,
    timesNs: BigUint64Array,
    outcomes: Uint32Array,
  ): RunOutput;
  /** Forgets what has expired by then, as an idle worker does: for clocks that jump. */
  rest(engine: EngineId, worker: number, nowNs: bigint): void;
  /** ns a packet; load 0: established flows, 1: every packet a new flow. */
  bench(
    engine: EngineId,
    worker: number,
    frames: Uint8Array,
    lengths: Uint32Array,
    flows: number,
    packets: number,
    load: 0 | 1,
  ): number;
  /** Checksums of both tables of each job, in their order. On all processors at once; returns when all are filled. */
  fillTables(key: Uint8Array, jobs: readonly TableJob[]): readonly (readonly [fill: bigint, table: bigint])[];
  /** Worker n stays on `cores[n]`; without one it runs anywhere. */
  start(engine: EngineId, workers: number, devices: readonly DeviceSpec[], cores: readonly number[]): void;
  /** Takes away what a process that was killed left on a device; `notOurs`: another balancer has it now. */
  sweep(device: string): Swept;
  kick(engine: EngineId): void;
  stop(engine: EngineId): void;
  deviceStates(engine: EngineId, devices: number): readonly DeviceState[];
  /** Why a device that is there is not taken up again; empty where it is, or is not there. By the thread that started it. */
  deviceTrouble(engine: EngineId, device: number): string;
  /** Of every queue that is open; empty where the engine does not run. Any thread. */
  deviceFacts(engine: EngineId): readonly QueueFacts[];
  /** Bytes of the longest record that captureDrain can give. Throws `capture_busy` while another one is open. */
  captureOpen(engine: EngineId, filter: CaptureFilter): number;
  /** Whole records (capture_record of the layout, then the bytes that came in and those that left, each filled up to 8), as many as
   * there is room for; bytes used. */
  captureDrain(engine: EngineId, into: Uint8Array): number;
  /** By device, in the order of start. */
  captureCounts(engine: EngineId): readonly CaptureCounts[];
  /** False while a worker is still at it: ask again. What was taken can still be read. */
  captureStop(engine: EngineId): boolean;
  /** The same, and then all of it is freed. */
  captureClose(engine: EngineId): boolean;
  /** The live engine's clock. */
  now(): bigint;
}

let loaded: DataplaneAddon | undefined;

/** Once per thread. Throws addon_mismatch when it is not built, or built from another version. */
export function loadDataplaneAddon(): DataplaneAddon {
  if (loaded) return loaded;
  const path = fileURLToPath(new URL(addonPath(), import.meta.url));
  try {
    const addon = createRequire(import.meta.url)(path) as DataplaneAddon;
    checkLayout(addon.layout());
    loaded = addon;
    return addon;
  } catch (cause) {
    if (cause instanceof ToriiError) throw cause;
    throw new ToriiError('addon_mismatch', `expected the native addon at ${path}: ${messageOf(cause)}; run \`npm run build\``, {
      cause,
    });
  }
}

/** From src/dataplane when run as source (tests), from dist/src/dataplane when built. */
function addonPath(): string {
  const levels = import.meta.url.endsWith('.ts') ? '../..' : '../../..';
  return `${levels}/native/build/dataplane.node`;
}
