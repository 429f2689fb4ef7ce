// How soon a route is gone from the router's kernel, and how many requests that costs, for each way to fail that
// docs/bgp.md has a limit for: a real router, real daemons and real HTTP, in namespaces. Without root all is skipped.
//
// Of several rounds the slowest counts. An interrupt takes the lab down.

import { parseArgs } from 'node:util';
import { failWith, routerKind } from '../deploy/lab/arguments.ts';
import { tearDownOnInterrupt } from '../deploy/lab/interrupt.ts';
import { Lab } from '../deploy/lab/lab.ts';
import { preflightTrouble } from '../deploy/lab/preflight.ts';
import { RouteWatch } from '../deploy/lab/routers/kernel-routes.ts';
import { planTopology, type RouterKind } from '../deploy/lab/topology.ts';
import { startedBetween } from '../deploy/lab/traffic/summary.ts';
import { Traffic } from '../deploy/lab/traffic/traffic.ts';
import { ToriiError } from '../src/errors.ts';
import { bfdTimes, failoverDocuments, holdTimeSec } from './failover-documents.ts';
import { type Fault, faults } from './failover-faults.ts';
import { type Measure, reporter } from './report.ts';

const bedName = 'torii-failover';
const perSec = 100;
const kept = { connections: 20, everyMs: 200 } as const;
/** Of a request: beyond the repetition of its SYN, so that slow is told from lost. */
const requestTimeoutMs = 4_000;
/** Watched after the route has gone: what fails later is another matter. */
const observeMs = 1_000;
/** Ends only what hangs. */
const patienceMs = 60_000;

const usage = `usage: npm run bench:failover -- [options]

  --router KIND   frr or bird, which know BFD   [frr]
  --json          one line per measure
  --quick         one round of each fault`;

type Report = (measure: Measure) => void;

interface Round {
  readonly goneSec: number;
  readonly lost: number;
}

async function buildLab(router: RouterKind, isWithBfd: boolean): Promise<Lab> {
  const options = { name: bedName, router, balancers: 2, backends: 3 };
  const peers = planTopology(options).balancers.map(({ address }) => ({ address, bfd: bfdTimes }));
  const plan = { holdTimeSec, ...(isWithBfd ? { peers } : {}) };
  return await Lab.up(options, { plan, documents: failoverDocuments(isWithBfd ? bfdTimes : null) });
}

/** Brings the fault about, waits for its consequence, and leaves the lab as it was. */
async function carryOut(fault: Fault, lab: Lab, streams: readonly Traffic[]): Promise<Round> {
  const watch = await RouteWatch.start(lab.topology.namespaces.router);
  try {
    for (const stream of streams) {
      const soFar = stream.results.length;
      await stream.until((results) => results.length > soFar + perSec / 4, 'requests before the fault', patienceMs);
    }
    const beforeMs = Date.now();
    const { atMs, end } = await fault.cause(lab);
    const gone = await watch.nextHops(fault.vip(lab).address, fault.stay(lab), patienceMs);
    const untilMs = Date.now() + observeMs;
    await Promise.all(streams.map(async (stream) => await stream.settled(untilMs)));
    // Requests that were under way when it happened count, too.
    const all = streams.flatMap(({ results }) => results);
    const concerned = startedBetween(all, beforeMs - requestTimeoutMs, untilMs);
    const lost = concerned.filter(({ ok, startMs, durationMs }) => !ok && startMs + durationMs >= beforeMs);
    await end();
    await lab.waitForBalancers(lab.balancers.length, patienceMs);
    return { goneSec: (gone.atMs - atMs) / 1000, lost: lost.length };
  } finally {
    watch.stop();
  }
}

async function measure(group: readonly Fault[], lab: Lab, rounds: number, report: Report): Promise<void> {
  const vip = lab.topology.vips.globex;
  const limits = { timeoutMs: requestTimeoutMs, durationMs: 1_000_000 };
  const streams = [
    Traffic.start(lab, { vip, mode: { kind: 'fresh', perSec }, ...limits }),
    Traffic.start(lab, { vip, mode: { kind: 'kept', ...kept }, ...limits }),
  ];
  try {
    for (const fault of group) {
      const all: Round[] = [];
      for (let i = 0; i < rounds; i++) all.push(await carryOut(fault, lab, streams));
      reportFault(fault, all, report);
    }
  } finally {
    await Promise.all(streams.map(async (stream) => await stream.stop()));
  }
}

function reportFault({ name, limitSec, lostLimit }: Fault, rounds: readonly Round[] | null, report: Report): void {
  const worst = (of: (round: Round) => number) => (rounds === null ? null : Math.max(...rounds.map(of)));
  const limit = (value: number | undefined) => (value === undefined ? {} : { limit: value });
  report({ name: `${name}: route gone`, value: worst(({ goneSec }) => goneSec), unit: 's', ...limit(limitSec) });
  report({ name: `${name}: requests lost`, value: worst(({ lost }) => lost), unit: 'requests', ...limit(lostLimit) });
}

async function measureAll(router: RouterKind, rounds: number, report: Report): Promise<void> {
  for (const isWithBfd of [false, true]) {
    const group = faults.filter(({ bfd }) => bfd === isWithBfd);
    const lab = await buildLab(router, isWithBfd);
    try {
      await measure(group, lab, rounds, report);
    } finally {
      await lab.down();
    }
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      router: { type: 'string' },
      json: { type: 'boolean' },
      quick: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return console.log(usage);
  const router = routerKind(values.router ?? 'frr');
  if (router === 'gobgp') throw new ToriiError('usage', '--router: expected frr or bird (GoBGP knows no BFD), got gobgp');
  const report = reporter({ isJson: values.json === true, isQuick: values.quick === true });
  const skipped = preflightTrouble(router, 'npm run bench:failover');
  if (skipped !== null) {
    process.stderr.write(`all is skipped: ${skipped}\n`);
    for (const fault of faults) reportFault(fault, null, report);
    return;
  }
  tearDownOnInterrupt(bedName);
  await measureAll(router, values.quick === true ? 1 : 3, report);
}

await main().catch((error: unknown) => failWith('bench:failover', error));
