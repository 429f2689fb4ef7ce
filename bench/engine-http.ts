// Real HTTP through real balancers: autocannon in the lab's client, two balancers behind the router, one backend, against the
// same requests to the backend's own address by the same router. And what a balancer without traffic costs.
//
// One backend, so that both ways end at the same HAProxy.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { healthCheck, type LabDocuments, storyDocuments } from '../deploy/lab/documents.ts';
import { Lab } from '../deploy/lab/lab.ts';
import { builtFile } from '../deploy/lab/programs.ts';
import { run } from '../deploy/lab/shell.ts';
import { ToriiError } from '../src/errors.ts';
import type { EngineWord } from './engine-bed.ts';
import type { RateOptions } from './engine-rates.ts';
import type { HttpReport } from './http-load.ts';
import type { Measure } from './report.ts';

const runSec = 3;
const connections = '64';
const idleMs = 10_000;
/** After the start: sessions, first checks, the flow table's memory. */
const settleMs = 5_000;

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
type Mode = (typeof modes)[number];

interface Shot {
  readonly perSec: number;
  readonly failed: number;
}

const ratio = (word: EngineWord, { name }: Mode): Omit<Measure, 'value'> => ({
  name: `HTTP through two balancers against direct, ${word}, ${name}`,
  unit: 'x',
  limit: 0.9,
  atLeast: true,
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
  return words.flatMap((word) => [idle(word), ...modes.map((mode) => ratio(word, mode)), failures(word)]);
}

async function shoot(lab: Lab, address: string, { word }: Mode): Promise<Shot> {
  const argv = [process.execPath, builtFile('bench/http-load.js'), `http://${address}/healthz`, connections, `${runSec}`, word];
  const { client } = lab.topology.namespaces;
  const { answered, failed, seconds } = JSON.parse(await run(argv, { namespace: client, timeoutMs: 60_000 })) as HttpReport;
  return { perSec: answered / seconds, failed };
}

/** Alternating; the best of each way. */
async function measureMode(lab: Lab, word: EngineWord, mode: Mode, { rounds, signal, report }: RateOptions): Promise<number> {
  const [backend] = lab.topology.backends;
  if (backend === undefined) throw new ToriiError('internal', 'a lab without backend');
  const through: Shot[] = [];
  const direct: Shot[] = [];
  for (let i = 0; i < rounds; i++) {
    signal.throwIfAborted();
    direct.push(await shoot(lab, backend.address, mode));
    through.push(await shoot(lab, lab.topology.vips.globex.address, mode));
  }
  const best = (shots: readonly Shot[]): number => Math.max(...shots.map(({ perSec }) => perSec));
  report({ name: `HTTP direct, ${mode.name}`, value: best(direct), unit: 'requests/s' });
  report({ name: `HTTP through two balancers, ${word}, ${mode.name}`, value: best(through), unit: 'requests/s' });
  report({ ...ratio(word, mode), value: best(through) / best(direct) });
  return through.reduce((sum, { failed }) => sum + failed, 0);
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
    for (const mode of modes) failed += await measureMode(lab, word, mode, options);
    options.report({ ...failures(word), value: failed });
  } finally {
    await lab.down();
  }
}
