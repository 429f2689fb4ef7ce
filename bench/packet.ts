// How many nanoseconds a packet costs the core, through the memory engine: TCP frames in bursts of 64, only the core itself timed
// (parse, look-up, decision, encapsulation, counters), best of several runs. And how much memory a flow costs.

import { Worker } from 'node:worker_threads';
import { loadDataplaneAddon } from '../src/dataplane/addon.ts';
import { MemoryEngine } from '../src/dataplane/memory-engine.ts';
import { desiredOf } from './desired.ts';
import { type Frames, framesOf, ipv4Frame, ipv6Frame, tcpAck, tcpSyn } from './frames.ts';
import { measureKernel } from './kernel.ts';
import { benchOptions, best, reporter } from './report.ts';

const establishedFlows = 0;
const newFlows = 1;
const bytesPerFlow = 16;
const mebi = 1_048_576;

const options = benchOptions();
const report = reporter(options);
const addon = loadDataplaneAddon();
const tries = options.isQuick ? 3 : 9;
const rounds = options.isQuick ? 1 : 4;
const packets = options.isQuick ? 1_000_000 : 2_000_000;
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
  return addon.bench(engine, 0, bytes, lengths, flows, count, establishedFlows);
}

/** A figure of the core, and an engine that is ready to take it once more. */
interface Row {
  readonly name: string;
  readonly limit?: number;
  readonly engine: MemoryEngine;
  readonly run: () => number;
}

interface Established {
  readonly name: string;
  readonly limit?: number;
  readonly flows: number;
  readonly frames: Frames;
  readonly vips?: number;
  readonly flowRecords?: boolean;
}

/** Every flow was seen at least twice. */
function established({ name, limit, flows, frames, vips = 1, flowRecords = false }: Established): Row {
  const engine = new MemoryEngine({ flowEntries: Math.max(mebi, flows * 2), flowRecords });
  engine.load(desiredWith(vips));
  nsPerPacket(engine, frames, flows, flows * 8);
  const row = { name: `core ${name}`, engine, run: () => nsPerPacket(engine, frames, flows) };
  return limit === undefined ? row : { ...row, limit };
}

function flood(): Row {
  const { bytes, lengths } = framesOf(ipv4Frame(tcpSyn));
  const engine = new MemoryEngine({ flowEntries: 65_536 });
  engine.load(desiredWith(1));
  addon.bench(engine.engine, 0, bytes, lengths, 1, 1_000_000, newFlows);
  const run = (): number => addon.bench(engine.engine, 0, bytes, lengths, 1, packets, newFlows);
  return { name: 'core new flow every packet, table full', limit: 60, engine, run };
}

function rows(): Row[] {
  const frames = framesOf(ipv4Frame(tcpAck));
  const vips = 1000;
  const toMany = framesOf(...Array.from({ length: vips }, (_, vip) => ipv4Frame(tcpAck, 64, vip)));
  const mixed = framesOf(
    ipv4Frame(tcpAck),
    ipv4Frame(tcpAck, 590),
    ipv6Frame(tcpAck),
    ipv4Frame(tcpAck, 1400),
    ipv6Frame(tcpAck, 1300),
  );
  const flows = 65_536;
  return [
    established({ name: 'established 1 flows', limit: 20, flows: 1, frames }),
    established({ name: 'established 1024 flows', limit: 20, flows: 1024, frames }),
    established({ name: 'established 65536 flows', limit: 25, flows, frames }),
    established({ name: 'established 1048576 flows', limit: 40, flows: mebi, frames }),
    established({ name: 'established 65536 flows to 1000 VIPs', flows, frames: toMany, vips }),
    established({ name: 'mixed sizes and families 65536 flows', limit: 35, flows, frames: mixed }),
    established({ name: 'established 65536 flows, with records', flows, frames, flowRecords: true }),
    flood(),
  ];
}

/** All rows turn by turn: what else the machine does lasts for seconds, and so hits a try of each and not all tries of one. */
function measureCore(): void {
  const all = rows();
  try {
    const bests = all.map(() => Number.POSITIVE_INFINITY);
    for (let round = 0; round < rounds; round++) {
      for (const [i, row] of all.entries()) bests[i] = Math.min(bests[i] ?? Number.POSITIVE_INFINITY, best(tries, row.run));
    }
    for (const [i, { name, limit }] of all.entries()) {
      report({ name, value: bests[i] ?? null, unit: 'ns/packet', ...(limit === undefined ? {} : { limit }) });
    }
  } finally {
    for (const { engine } of all) engine.close();
  }
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

measureCore();
await measureWorkers();
measureTable();
measureKernel(options, report);
