// `npm run bench:churn`: ten thousand prefixes come and go while packets flow to other VIPs of the same BGP session. A real router
// (FRR), a real daemon, real packets, in namespaces. What makes them come and go is the one backend of their pool.
//
// Not one packet may be lost, and the session may not flap. Exit status 1 when it did not hold. An interrupt takes the lab down.

import { parseArgs } from 'node:util';
import { failWith } from '../deploy/lab/arguments.ts';
import { tearDownOnInterrupt } from '../deploy/lab/interrupt.ts';
import type { Lab } from '../deploy/lab/lab.ts';
import { preflight } from '../deploy/lab/preflight.ts';
import { countRoutes } from '../deploy/lab/routers/kernel-routes.ts';
import { vipPrefix, vipPrefix6 } from '../deploy/lab/topology.ts';
import { until } from '../deploy/lab/until.ts';
import { churnDocuments, holdTimeSec, manyInside, streamVips } from './churn-documents.ts';
import { type Measure, reporter } from './report.ts';
import { countedLab, startLabStream } from './stream.ts';

const bedName = 'torii-churn';
const many = 10_000;
/** Few enough that a busy machine's packet workers keep up: what is asked is whether routes and sessions hold. */
const perSec = 2_000;
const streamLimitSec = 900;
const patienceMs = 120_000;

const usage = `usage: npm run bench:churn -- [options]

  --json    one line per measure
  --quick   one round instead of three`;

interface Round {
  readonly goneSec: number;
  readonly backSec: number;
}

async function routed(lab: Lab, count: number): Promise<void> {
  const isRouted = async () => (await countRoutes(lab.topology.namespaces.router, manyInside)) === count;
  await until(isRouted, { what: `${count} routes inside ${manyInside}`, timeoutMs: patienceMs, everyMs: 100 });
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
}

/** The backend of the many goes, and comes back. */
async function churn(lab: Lab): Promise<Round> {
  const backend = lab.backends.at(-1);
  const goneSec = await seconds(async () => {
    await backend?.killProxy();
    await routed(lab, 0);
  });
  const backSec = await seconds(async () => {
    await backend?.startProxy();
    await routed(lab, many);
  });
  return { goneSec, backSec };
}

async function measure(lab: Lab, rounds: number, report: (measure: Measure) => void): Promise<boolean> {
  await routed(lab, many);
  const packets = await startLabStream(lab, streamVips, { perSec, seconds: streamLimitSec });
  const all: Round[] = [];
  for (let i = 0; i < rounds; i++) all.push(await churn(lab));
  const { sent, arrived } = await packets.end();
  const [peer] = (await lab.balancers[0]?.read('peers')) ?? [];
  const flaps = peer?.flaps ?? 0;
  const slowest = (of: (round: Round) => number) => Math.max(...all.map(of));
  report({ name: `${many} prefixes withdrawn, backend's death included`, value: slowest(({ goneSec }) => goneSec), unit: 's' });
  report({ name: `${many} prefixes announced, backend's return included`, value: slowest(({ backSec }) => backSec), unit: 's' });
  report({ name: 'UPDATEs sent', value: peer?.messages.sent['update'] ?? 0, unit: 'messages' });
  report({ name: 'packets sent meanwhile', value: sent, unit: 'packets' });
  report({ name: 'packets lost', value: sent - arrived, unit: 'packets', limit: 0 });
  report({ name: 'session flaps', value: flaps, unit: 'flaps', limit: 0 });
  return sent === arrived && flaps === 0;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return console.log(usage);
  preflight('frr', 'npm run bench:churn');
  tearDownOnInterrupt(bedName);
  const plan = { holdTimeSec, accepts: [vipPrefix, vipPrefix6, manyInside], maxPrefixes: 2 * many };
  const options = { name: bedName, router: 'frr', balancers: 1, backends: 3 } as const;
  const lab = await countedLab(options, { plan, documents: churnDocuments(many) });
  try {
    const report = reporter({ isJson: values.json, isQuick: values.quick });
    if (!(await measure(lab, values.quick ? 1 : 3, report))) process.exitCode = 1;
  } finally {
    await lab.down();
  }
}

await main().catch((error: unknown) => failWith('bench:churn', error));
