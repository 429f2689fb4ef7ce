// How many nanoseconds a packet costs the core, through the memory engine: TCP frames in bursts of 64, only the core itself timed
// (parse, look-up, decision, encapsulation, counters), best of several runs. And how much memory a flow costs.

import { Worker } from 'node:worker_threads';
import { loadDataplaneAddon } from '../src/dataplane/addon.ts';
import { MemoryEngine } from '../src/dataplane/memory-engine.ts';
import { desiredOf } from './desired.ts';
import { type Frames, framesOf, ipv4Frame, ipv6Frame, tcpAck, tcpSyn } from './frames.ts';
import { measureKernel } from './kernel.ts';
import { benchOptions, best, reporter } from './report.ts';

const established = 0;
const newFlows = 1;
const bytesPerFlow = 16;
const mebi = 1_048_576;

const options = benchOptions();
const report = reporter(options);
const addon = loadDataplaneAddon();
const tries = options.isQuick ? 3 : 9;
const packets = options.isQuick ? 1_000_000 : 4_000_000;
const desiredWith = (vips: number) => desiredOf({ vips, pools: 1, backendsPerPool: 100, tableSize: 65537 });
const desired = desiredWith(1);

function withEngine<T>(flowEntries: number, workers: number, measure: (engine: MemoryEngine) => T, what = desired): T {
  const engine = new MemoryEngine({ flowEntries, workers });
  try {
    engine.load(what);
    return measure(engine);
  } finally {
    engine.close();
  }
}

function nsPerPacket({ engine }: MemoryEngine, { bytes, lengths }: Frames, flows: number, count = packets): number {
  return addon.bench(engine, 0, bytes, lengths, flows, count, established);
}

/** Every flow seen at least twice, then the best of the tries. */
function warmed(engine: MemoryEngine, frames: Frames, flows: number): number {
  nsPerPacket(engine, frames, flows, flows * 8);
  return best(tries, () => nsPerPacket(engine, frames, flows));
}

function measureEstablished(): void {
  const frames = framesOf(ipv4Frame(tcpAck));
  for (const [flows, limit] of [
    [1, 20],
    [1024, 20],
    [65_536, 25],
    [1_048_576, 40],
  ] as const) {
    const value = withEngine(Math.max(mebi, flows * 2), 1, (engine) => warmed(engine, frames, flows));
    report({ name: `core established ${flows} flows`, value, unit: 'ns/packet', limit });
  }
  const manyVips = 1000;
  const toMany = framesOf(...Array.from({ length: manyVips }, (_, vip) => ipv4Frame(tcpAck, 64, vip)));
  const spread = withEngine(mebi, 1, (engine) => warmed(engine, toMany, 65_536), desiredWith(manyVips));
  report({ name: 'core established 65536 flows to 1000 VIPs', value: spread, unit: 'ns/packet' });
  const mixed = framesOf(
    ipv4Frame(tcpAck),
    ipv4Frame(tcpAck, 590),
    ipv6Frame(tcpAck),
    ipv4Frame(tcpAck, 1400),
    ipv6Frame(tcpAck, 1300),
  );
  const value = withEngine(mebi, 1, (engine) => warmed(engine, mixed, 65_536));
  report({ name: 'core mixed sizes and families 65536 flows', value, unit: 'ns/packet', limit: 35 });
}

function measureRecords(): void {
  const engine = new MemoryEngine({ flowEntries: mebi, flowRecords: true });
  try {
    engine.load(desired);
    const value = warmed(engine, framesOf(ipv4Frame(tcpAck)), 65_536);
    report({ name: 'core established 65536 flows, with records', value, unit: 'ns/packet' });
  } finally {
    engine.close();
  }
}

function measureFlood(): void {
  const { bytes, lengths } = framesOf(ipv4Frame(tcpSyn));
  const value = withEngine(65_536, 1, ({ engine }) => {
    addon.bench(engine, 0, bytes, lengths, 1, 1_000_000, newFlows);
    return best(tries, () => addon.bench(engine, 0, bytes, lengths, 1, packets, newFlows));
  });
  report({ name: 'core new flow every packet, table full', value, unit: 'ns/packet', limit: 60 });
}

/** Packets a second of all workers together, each in a thread of its own, in millions. */
async function throughput(engine: MemoryEngine, workers: number): Promise<number> {
  const { bytes, lengths } = framesOf(ipv4Frame(tcpAck));
  const run = async (worker: number): Promise<number> => {
    const data = { engine: engine.engine, worker, bytes, lengths, flows: 65_536, packets };
    const thread = new Worker(new URL('packet-worker.js', import.meta.url), { workerData: data });
    return await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject));
  };
  const times = await Promise.all(Array.from({ length: workers }, (_, worker) => run(worker)));
  return times.reduce((sum, ns) => sum + 1000 / ns, 0);
}

async function measureWorkers(): Promise<void> {
  const engine = new MemoryEngine({ flowEntries: mebi, workers: 2 });
  try {
    engine.load(desired);
    let ratio = 0;
    for (let i = 0; i < tries; i++) {
      const one = await throughput(engine, 1);
      ratio = Math.max(ratio, (await throughput(engine, 2)) / one);
    }
    report({ name: 'two workers against one', value: ratio, unit: 'x', limit: 1.8, atLeast: true });
  } finally {
    engine.close();
  }
}

function measureTable(): void {
  const frames = framesOf(ipv4Frame(tcpAck));
  const entries = mebi;
  const flows = Math.floor(entries * 0.7);
  const untracked = withEngine(entries, 1, (engine) => {
    nsPerPacket(engine, frames, flows, flows * 8);
    const [worker] = engine.counters.workers();
    return 1 - (worker?.flows ?? 0) / flows;
  });
  report({ name: 'flow table, bytes a flow at 70 % load', value: bytesPerFlow / 0.7, unit: 'bytes', limit: 24 });
  report({ name: 'flow table, flows without room at 70 % load', value: untracked * 100, unit: '%', limit: 0.5 });
  if (options.isQuick) return;
  const many = 10_000_000;
  const kept = withEngine(16 * mebi, 1, (engine) => {
    nsPerPacket(engine, frames, many, many * 4);
    return engine.counters.workers()[0]?.flows ?? 0;
  });
  report({ name: 'flows held of 10 M on one worker', value: kept, unit: 'flows' });
}

measureEstablished();
measureRecords();
measureFlood();
await measureWorkers();
measureTable();
measureKernel(options, report);
