// `npm run soak`: do BGP and BFD sessions hold while packets flow and documents change without a pause? A real router, two real
// daemons with IPv4 and IPv6 sessions each, in namespaces; ten minutes unless told otherwise.
//
// Flaps are counted at both ends, and whose silence it was is told from the balancers' log and from the packets themselves. Exit
// status 1 on any flap. An interrupt takes the lab down.

import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { failWith, routerKind } from '../deploy/lab/arguments.ts';
import { tearDownOnInterrupt } from '../deploy/lab/interrupt.ts';
import type { Lab } from '../deploy/lab/lab.ts';
import { missingFor, preflight } from '../deploy/lab/preflight.ts';
import type { BfdTimes } from '../deploy/lab/routers/router.ts';
import { tryRun } from '../deploy/lab/shell.ts';
import { planTopology, type RouterKind } from '../deploy/lab/topology.ts';
import { Traffic } from '../deploy/lab/traffic/traffic.ts';
import { until } from '../deploy/lab/until.ts';
import { ToriiError } from '../src/errors.ts';
import { BfdPace, type Pause } from './bfd-pace.ts';
import { reporter } from './report.ts';
import { holdTimeSec, soakDocuments, streamVips } from './soak-documents.ts';
import { reloadUntil } from './soak-reloads.ts';
import { type Outcome, reportOutcome } from './soak-report.ts';
import { flapsBetween, flapsSoFar, lossesSince } from './soak-watch.ts';
import { StallWatch } from './stall-watch.ts';
import { countedLab, startLabStream } from './stream.ts';

const bedName = 'torii-soak';
const multiplier = 3;
const requestsPerSec = 50;
/** What a router of two BFD daemons' age takes after its start to have settled. */
const patienceMs = 90_000;

const usage = `usage: npm run soak -- [options]

  --router KIND     frr or bird, which know BFD           [frr]
  --minutes N       how long                              [10]
  --interval MS     of BFD, times 3                       [50]
  --rate N          packets a second through the VIPs     [20000]
  --plain-router    leave the router's own priority as it is
  --json            one line per measure`;

interface Settings {
  readonly router: RouterKind;
  readonly minutes: number;
  readonly bfd: BfdTimes;
  readonly perSec: number;
  readonly isRouterPlain: boolean;
}

async function buildLab({ router, bfd }: Settings): Promise<Lab> {
  const options = { name: bedName, router, balancers: 2, backends: 3 };
  const { balancers } = planTopology(options);
  const peers = balancers.flatMap(({ address, address6 }) => [address, address6].map((each) => ({ address: each, bfd })));
  return await countedLab(options, { plan: { holdTimeSec, peers }, documents: soakDocuments(bfd) });
}

/** A router's BFD is hardware's or a thread's of its own; here a busy machine would be measured. */
async function raiseRouter(lab: Lab): Promise<void> {
  for (const { id, pid } of lab.ledger.processes()) {
    if (id === 'bfdd' || id === 'bird') await tryRun(['chrt', '--all-tasks', '--rr', '--pid', '1', String(pid)]);
  }
}

async function everythingUp(lab: Lab): Promise<void> {
  const isUp = async () => {
    const peers = (await Promise.all(lab.balancers.map(async (balancer) => await balancer.read('peers')))).flat();
    return peers.every(({ state, bfd }) => state === 'established' && bfd?.state === 'up');
  };
  await until(isUp, { what: 'every session of BGP and BFD', timeoutMs: patienceMs, everyMs: 250 });
  // FRR opens BFD anew after the first connection: what comes of that is no flap of the soak's.
  await delay(2 * holdTimeSec * 1000);
  await until(isUp, { what: 'every session to stay', timeoutMs: patienceMs, everyMs: 250 });
}

/** At both ends of the link: what was sent late is told from what was held up on the way. */
async function watchPace({ topology, balancers }: Lab): Promise<{ readonly ours: readonly BfdPace[]; readonly router: BfdPace }> {
  const ours = await Promise.all(balancers.map(async ({ node }) => await BfdPace.start(node.namespace, 'eth0')));
  return { ours, router: await BfdPace.start(topology.namespaces.router, 'fabric') };
}

async function soak(lab: Lab, settings: Settings): Promise<Outcome> {
  const durationMs = settings.minutes * 60_000;
  const canCapture = missingFor(settings.router, ['tcpdump']).length === 0;
  const { vips } = lab.topology;
  const seconds = Math.ceil(settings.minutes * 60) + 300;
  const packets = await startLabStream(lab, streamVips, { perSec: settings.perSec, seconds });
  const mode = { kind: 'fresh', perSec: requestsPerSec } as const;
  const requests = Traffic.start(lab, { vip: vips.globex, mode, durationMs: durationMs + 300_000 });
  const paces = canCapture ? await watchPace(lab) : null;
  const stalling = await StallWatch.start();
  const before = await flapsSoFar(lab);
  const sinceMs = Date.now();
  const reloads = await reloadUntil(lab, settings.bfd, performance.now() + durationMs);
  const after = await flapsSoFar(lab);
  const stalls = await stalling.stop();
  const pauses = paces && {
    ours: (await Promise.all(paces.ours.map((pace) => pace.stop()))).flat(),
    routers: await paces.router.stop(),
  };
  const [answered, streamed] = [await requests.stop(), await packets.end()];
  const own = new Set(lab.topology.balancers.flatMap(({ address, address6 }) => [address, address6]));
  const isOwn = (from: string) => own.has(from);
  const isRouters = (from: string) => !own.has(from);
  return {
    minutes: settings.minutes,
    detectMs: settings.bfd.intervalMs * multiplier,
    flaps: flapsBetween(before, after),
    losses: lossesSince(lab, sinceMs),
    stalls,
    silence: pauses && {
      ours: { sentMs: longest(pauses.ours, isOwn), arrivedMs: longest(pauses.routers, isOwn) },
      routers: { sentMs: longest(pauses.routers, isRouters), arrivedMs: longest(pauses.ours, isRouters) },
    },
    reloads,
    packets: streamed,
    requests: { all: answered.length, failed: answered.filter(({ ok }) => !ok).length },
  };
}

function longest(pauses: readonly Pause[], isWanted: (from: string) => boolean): number {
  return Math.max(0, ...pauses.filter(({ from }) => isWanted(from)).map(({ longestMs }) => longestMs));
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new ToriiError('usage', `--${name}: expected a number above 0, got ${text}`);
  return value;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      router: { type: 'string', default: 'frr' },
      minutes: { type: 'string', default: '10' },
      interval: { type: 'string', default: '50' },
      rate: { type: 'string', default: '20000' },
      'plain-router': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return console.log(usage);
  const settings: Settings = {
    router: routerKind(values.router),
    minutes: positive('minutes', values.minutes),
    bfd: { intervalMs: positive('interval', values.interval), multiplier },
    perSec: positive('rate', values.rate),
    isRouterPlain: values['plain-router'],
  };
  if (settings.router === 'gobgp') throw new ToriiError('usage', '--router: expected frr or bird, which know BFD, got gobgp');
  preflight(settings.router, 'npm run soak');
  const report = reporter({ isJson: values.json, isQuick: false });
  tearDownOnInterrupt(bedName);
  const lab = await buildLab(settings);
  try {
    if (!settings.isRouterPlain) await raiseRouter(lab);
    await everythingUp(lab);
    const outcome = await soak(lab, settings);
    reportOutcome(outcome, report);
    for (const { node, at, peer, text } of outcome.losses) process.stderr.write(`${at} ${node} ${peer}: ${text}\n`);
    for (const { atMs, longMs } of (outcome.stalls ?? []).filter((stall) => stall.longMs >= settings.bfd.intervalMs))
      process.stderr.write(`${new Date(atMs).toISOString()} the machine stood still for ${longMs} ms\n`);
    const { ours, router } = outcome.flaps;
    if (ours.bgp + ours.bfd + router.bgp + router.bfd > 0) process.exitCode = 1;
  } finally {
    await lab.down();
  }
}

await main().catch((error: unknown) => failWith('soak', error));
