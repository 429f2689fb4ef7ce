// Real HTTP through real balancers: autocannon in the lab's client, two balancers behind the router, one backend, against the
// same requests to the backend's own address by the same router. And what a balancer without traffic costs.
//
// One backend, so that both ways end at the same HAProxy. Client, router, HAProxy and both balancers share this machine's processors,
// so a packet worker that wakes takes one from the client or from HAProxy, which have machines of their own elsewhere. So the workers are
// batch threads (sched(7)): they wait until what runs has had its turn. What it is as they are started is told besides.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { healthCheck, type LabDocuments, storyDocuments } from '../deploy/lab/documents.ts';
import { Lab } from '../deploy/lab/lab.ts';
import { builtFile } from '../deploy/lab/programs.ts';
import { run } from '../deploy/lab/shell.ts';
import { ToriiError } from '../src/errors.ts';
import { type EngineWord, packetWorkers } from './engine-bed.ts';
import type { RateOptions } from './engine-rates.ts';
import type { HttpReport } from './http-load.ts';
import { type Measure, median } from './report.ts';

const turnSec = '0.5';
const turnsPerRound = 3;
const connections = '64';
const idleMs = 10_000;
/** After the start: V8 collects for half a minute what starting has left behind. */
const settleMs = 35_000;

/** The lab's, but with a second between health checks, as a site would have it; the lab has four a second for its story. */
const documents: LabDocuments = {
  ...storyDocuments,
  balancer: (...about) => {
    const document = storyDocuments.balancer(...about) as { readonly pools: Readonly<Record<string, object>> };
    const calm = { ...healthCheck, intervalMs: 1000 };
    const pools = Object.entries(document.pools).map(([name, pool]) => [name, { ...pool, healthCheck: calm }]);
    return { ...document, pools: Object.fromEntries(pools) as object };
  },
};

const modes = [
  { name: 'keep-alive', word: 'kept' },
  { name: 'new connections', word: 'fresh' },
] as const;
const policies = [
  { option: '--batch', what: '', limit: { limit: 0.9, atLeast: true } },
  { option: '--other', what: ', as started', limit: {} },
] as const;

interface Way {
  readonly word: EngineWord;
  readonly mode: (typeof modes)[number];
  readonly policy: (typeof policies)[number];
}

type Mode = Way['mode'];
type Turn = readonly [direct: HttpReport, through: HttpReport];

const waysThrough = (word: EngineWord): readonly Way[] =>
  policies.flatMap((policy) => modes.map((mode) => ({ word, mode, policy })));

const ratio = ({ word, mode, policy }: Way): Omit<Measure, 'value'> => ({
  name: `HTTP through two balancers against direct, ${word}, ${mode.name}${policy.what}`,
  unit: 'x',
  ...policy.limit,
});

const failures = (word: EngineWord): Omit<Measure, 'value'> => ({
  name: `HTTP requests failed, ${word}`,
  unit: 'requests',
  limit: 0,
});

const idle = (word: EngineWord): Omit<Measure, 'value'> => ({
  name: `processor time of an idle balancer, ${word}`,
  unit: '% of one',
  limit: 2,
});

/** What is told where nothing can be measured. */
export function httpMeasures(words: readonly EngineWord[]): readonly Omit<Measure, 'value'>[] {
  return words.flatMap((word) => [idle(word), ...waysThrough(word).map(ratio), failures(word)]);
}

async function schedule(lab: Lab, { option }: Way['policy']): Promise<void> {
  const workers = lab.balancers.flatMap((balancer) => packetWorkers(balancer.pid()));
  for (const worker of workers) await run(['chrt', option, '--pid', '0', `${worker}`]);
}

const perSec = ({ answered, seconds }: HttpReport): number => answered / seconds;

/** To the backend itself and to the VIP, turn by turn. */
async function takeTurns(lab: Lab, mode: Mode, { rounds, signal }: RateOptions): Promise<readonly Turn[]> {
  const [backend] = lab.topology.backends;
  if (backend === undefined) throw new ToriiError('internal', 'a lab without backend');
  signal.throwIfAborted();
  const urls = [backend.address, lab.topology.vips.globex.address].map((address) => `http://${address}/healthz`);
  const words = [connections, turnSec, `${rounds * turnsPerRound}`, mode.word, ...urls];
  const argv = [process.execPath, builtFile('bench/http-load.js'), ...words];
  const { client } = lab.topology.namespaces;
  return JSON.parse(await run(argv, { namespace: client, timeoutMs: 120_000 })) as Turn[];
}

/** Returns how many requests failed on the way through balancers. */
async function measureWay(lab: Lab, way: Way, options: RateOptions): Promise<number> {
  const { word, mode, policy } = way;
  const turns = await takeTurns(lab, mode, options);
  const best = (reports: readonly HttpReport[]): number => Math.max(...reports.map(perSec));
  const { report } = options;
  report({ name: `HTTP direct, ${mode.name}`, value: best(turns.map(([direct]) => direct)), unit: 'requests/s' });
  report({
    name: `HTTP through two balancers, ${word}, ${mode.name}${policy.what}`,
    value: best(turns.map(([, through]) => through)),
    unit: 'requests/s',
  });
  report({ ...ratio(way), value: median(turns.map(([direct, through]) => perSec(through) / perSec(direct))) });
  return turns.reduce((sum, [, { failed }]) => sum + failed, 0);
}

/** Nanoseconds of all threads of a process. */
function processorNs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const times = readdirSync(tasks).map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]));
  return times.reduce((sum, ns) => sum + ns, 0);
}

/** Of the two balancers the one that used less: what both do is the same. */
async function measureIdle(lab: Lab, word: EngineWord, { report }: RateOptions): Promise<void> {
  await delay(settleMs);
  const pids = lab.balancers.map((balancer) => balancer.pid());
  const before = pids.map(processorNs);
  const startMs = performance.now();
  await delay(idleMs);
  const elapsedNs = (performance.now() - startMs) * 1e6;
  const shares = pids.map((pid, i) => ((processorNs(pid) - (before[i] ?? 0)) / elapsedNs) * 100);
  report({ ...idle(word), value: Math.min(...shares) });
}

export async function measureHttp(name: string, word: EngineWord, options: RateOptions): Promise<void> {
  const lab = await Lab.up({ name, router: 'bird', balancers: 2, backends: 1, engine: word }, { documents });
  try {
    await measureIdle(lab, word, options);
    let failed = 0;
    for (const way of waysThrough(word)) {
      await schedule(lab, way.policy);
      failed += await measureWay(lab, way, options);
    }
    options.report({ ...failures(word), value: failed });
  } finally {
    await lab.down();
  }
}
