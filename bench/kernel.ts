// How many nanoseconds a packet costs the same core in the kernel: native/bpf/balancer.c under BPF_PROG_RUN, one packet at a time, with
// the kernel's clock read for each. What native/test/scatter.c costs to make each packet is measured alone and subtracted.
//
// Leaves out a driver and XDP_TX. Needs root, or CAP_BPF and CAP_NET_ADMIN, and the compiler that BPF programs are built by.

import { MemoryEngine } from '../src/dataplane/memory-engine.ts';
import { messageOf } from '../src/errors.ts';
import { type BpfBench, bpfBench, bpfLimits, bpfUnavailable } from '../test/support/bpf-engine.ts';
import { desiredOf } from './desired.ts';
import { ipv4Frame, tcpAck } from './frames.ts';
import { type BenchOptions, best, type Measure } from './report.ts';

const mebi = 1_048_576;
const measures = [
  [1, 80],
  [65_536, 85],
  [1_048_576, 200],
] as const;

type Bench = ReturnType<typeof bpfBench>;

export function measureKernel({ isQuick }: BenchOptions, report: (measure: Measure) => void): void {
  const bench = prepared();
  for (const [flows, limit] of measures) {
    const measure = { name: `core in the kernel, established ${flows} flows`, unit: 'ns/packet', limit };
    if (typeof bench === 'string') report({ ...measure, value: null, skipped: bench });
    else report({ ...measure, value: nsOfCore(bench, flows, isQuick) });
  }
}

/** Or why there is none. */
function prepared(): Bench | string {
  try {
    return bpfUnavailable() ?? bpfBench(2 * mebi);
  } catch (error) {
    return messageOf(error);
  }
}

function nsOfCore({ addon, nsPerPacket }: Bench, flows: number, isQuick: boolean): number {
  const engine = new MemoryEngine({ flowEntries: Math.max(mebi, flows * 2), addon, limits: bpfLimits });
  try {
    engine.load(desiredOf({ vips: 1, pools: 1, backendsPerPool: 100, tableSize: 65537 }));
    const packets = isQuick ? 250_000 : 1_000_000;
    const tries = isQuick ? 3 : 9;
    const run = (hasCore: boolean, count = packets): number => nsOf(nsPerPacket, engine, { flows, count, hasCore });
    run(true, flows * 8);
    return best(tries, () => run(true)) - best(tries, () => run(false));
  } finally {
    engine.close();
  }
}

interface Round {
  readonly flows: number;
  readonly count: number;
  readonly hasCore: boolean;
}

/** Throws where the core did anything but forward every packet: that would be the time of something else. */
function nsOf(nsPerPacket: BpfBench, { counters }: MemoryEngine, { flows, count, hasCore }: Round): number {
  const forwarded = (): number => counters.workers()[0]?.verdicts[0] ?? 0;
  const before = forwarded();
  const ns = nsPerPacket(ipv4Frame(tcpAck), flows, count, hasCore);
  const expected = hasCore ? count : 0;
  if (forwarded() - before !== expected) {
    throw new Error(`expected ${expected} packets forwarded in the kernel, got ${forwarded() - before}`);
  }
  return ns;
}
