// The packet core in the kernel behind the memory engine's face: fixtures run on native/bpf/balancer.c, one packet at a time
// through BPF_PROG_TEST_RUN, for either compiler.
//
// The kernel verifies an object in seconds, so each is loaded once a process and its tables are cleared for every engine.

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import {
  type Capacity,
  type CounterShape,
  type DataplaneAddon,
  loadDataplaneAddon,
  type RunOutput,
} from '../../src/dataplane/addon.ts';
import { buildNative, native } from './native-build.ts';

export const clangs = [14, 19] as const;
export type Clang = (typeof clangs)[number];

/** The kernel runs XDP programs on whole Ethernet headers only. */
export const minFrameBytes = 14;

/** On frames of one page with room for an outer header, too. */
export const maxFrameBytes = 4096 - 64;

/** What the maps have room for; kernel memory, taken at once. */
export const bpfLimits = { vips: 1024, backends: 1024, tenants: 256, snapshotLines: 16_384, slotLines: 65_536 } as const;
const flowLines = 65_536;
const workers = 4;

/** A loaded object, opaque here. */
type Handle = object;

interface BpfRun {
  /** Throws `privilege` where the kernel does not let us. */
  prepare(path: string, capacity: Capacity): Handle;
  open(handle: Handle, capacity: Capacity): void;
  close(handle: Handle): void;
  load(handle: Handle, snapshot: Uint8Array, nowNs: bigint): number;
  shape(handle: Handle): CounterShape;
  view(handle: Handle, table: number): ArrayBuffer;
  run(
    handle: Handle,
    worker: number,
    frames: Uint8Array,
    lengths: Uint32Array,
    timesNs: BigUint64Array,
    outcomes: Uint32Array,
  ): RunOutput;
  /** ns a packet of established flows through the balancer, or through nothing in its place; `scatter` is a path. */
  bench(handle: Handle, scatter: string, frame: Uint8Array, flows: number, packets: number, hasCore: boolean): number;
}

const capEffective = /^CapEff:\s*([0-9a-f]+)$/m;
const [capNetAdmin, capBpf] = [12n, 39n];
const loaded = new Map<Clang, DataplaneAddon>();

/** Why BPF programs cannot be run here; null when they can. Throws in CI as root: there nothing may be skipped unseen. */
export function bpfUnavailable(): string | null {
  const status = execFileSync('cat', ['/proc/self/status']).toString();
  const held = BigInt(`0x${capEffective.exec(status)?.[1] ?? '0'}`);
  if (((held >> capNetAdmin) & (held >> capBpf) & 1n) === 1n) return null;
  const reason = 'needs root, or CAP_BPF and CAP_NET_ADMIN';
  if (process.env['CI'] !== undefined && process.getuid?.() === 0) throw new Error(`BPF programs cannot be run in CI: ${reason}`);
  return reason;
}

/** The memory engine's addon with the functions that touch packets replaced. One engine at a time is open on it. */
export function bpfAddon(clang: Clang): DataplaneAddon {
  const before = loaded.get(clang);
  if (before) return before;
  buildNative('test-bpf');
  const bpf = bpfRun();
  const handle = bpf.prepare(`${native}/build/bpf/balancer.clang${clang}.o`, { ...bpfLimits, flowLines, workers, records: 0 });
  const addon = addonOn(bpf, handle);
  loaded.set(clang, addon);
  return addon;
}

/** The kernel's build that runs, with room for `entries` flows, and how to measure it. Throws where this machine can't. */
export function bpfBench(entries: number): { readonly addon: DataplaneAddon; readonly nsPerPacket: BpfBench } {
  buildNative('test-bpf');
  const bpf = bpfRun();
  const handle = bpf.prepare(`${native}/build/bpf/balancer.o`, { ...bpfLimits, flowLines: entries / 4, workers: 1, records: 0 });
  const scatter = `${native}/build/test/scatter.o`;
  return {
    addon: addonOn(bpf, handle),
    nsPerPacket: (frame, flows, packets, hasCore) => bpf.bench(handle, scatter, frame, flows, packets, hasCore),
  };
}

/** Of `packets` packets of established flows through the core, or without it. */
export type BpfBench = (frame: Uint8Array, flows: number, packets: number, hasCore: boolean) => number;

function bpfRun(): BpfRun {
  return createRequire(import.meta.url)(`${native}/build/test/bpf_run.node`) as BpfRun;
}

function addonOn(bpf: BpfRun, handle: Handle): DataplaneAddon {
  return {
    ...loadDataplaneAddon(),
    open: (capacity) => {
      bpf.open(handle, capacity);
      return 0;
    },
    close: () => bpf.close(handle),
    load: (_, snapshot, nowNs = 0n) => bpf.load(handle, snapshot, nowNs),
    shape: () => bpf.shape(handle),
    view: (_, table) => bpf.view(handle, table),
    run: (_, ...rest) => bpf.run(handle, ...rest),
  };
}
