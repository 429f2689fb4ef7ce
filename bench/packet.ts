// How many nanoseconds a packet costs the core, through the memory engine: 64-byte TCP frames in bursts of 64, only the core
// itself timed (parse, look-up, decision, encapsulation, counters), best of several runs.

import { loadDataplaneAddon } from '../src/dataplane/addon.ts';
import { MemoryEngine } from '../src/dataplane/memory-engine.ts';
import { desiredOf } from './desired.ts';
import { benchOptions, best, reporter } from './report.ts';

const established = 0;
const newFlows = 1;
const tcpAck = 0x10;
const tcpSyn = 0x02;
const tcpFlagsAt = 14 + 20 + 13;

/** A minimal TCP frame to the first VIP of bench/desired.ts; native code varies source address and port. */
function frameWith(flags: number): Uint8Array {
  const frame = new Uint8Array(64);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0]);
  frame.set([0x45, 0, 0, 50, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 203, 0, 0, 0], 14);
  frame.set([4, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 1, 0], 34);
  frame[tcpFlagsAt] = flags;
  return frame;
}

const options = benchOptions();
const report = reporter(options);
const addon = loadDataplaneAddon();
const tries = options.isQuick ? 3 : 9;
const packets = options.isQuick ? 1_000_000 : 4_000_000;

function withEngine(flowEntries: number, measure: (engine: MemoryEngine) => number): number {
  const engine = new MemoryEngine({ flowEntries });
  try {
    engine.load(desiredOf({ vips: 1, pools: 1, backendsPerPool: 100, tableSize: 65537 }));
    return measure(engine);
  } finally {
    engine.close();
  }
}

for (const { flows, limit } of [
  { flows: 1, limit: 40 },
  { flows: 1024, limit: 40 },
  { flows: 65_536, limit: 40 },
  { flows: 1_048_576 },
]) {
  const value = withEngine(Math.max(1_048_576, flows * 2), ({ engine }) => {
    addon.bench(engine, 0, frameWith(tcpAck), flows, flows * 8, established);
    return best(tries, () => addon.bench(engine, 0, frameWith(tcpAck), flows, packets, established));
  });
  report({ name: `core established ${flows} flows`, value, unit: 'ns/packet', ...(limit === undefined ? {} : { limit }) });
}
const flood = withEngine(65_536, ({ engine }) => {
  addon.bench(engine, 0, frameWith(tcpSyn), 1, 1_000_000, newFlows);
  return best(tries, () => addon.bench(engine, 0, frameWith(tcpSyn), 1, packets, newFlows));
});
report({ name: 'core new flow every packet, table full', value: flood, unit: 'ns/packet' });
