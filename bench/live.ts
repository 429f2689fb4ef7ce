// What an operator waits for, on the real daemon with real packets: from its start to the first packet it forwards, and from the
// replacement of its document to the new one in force, while a paced stream of packets to its VIPs must not lose one.
//
// The whole document changes as far as the guard allows (bench/documents.ts).

import { preflight } from '../deploy/lab/preflight.ts';
import { messageOf, ToriiError } from '../src/errors.ts';
import { type DocumentSize, type Edition, keptVips } from './documents.ts';
import { LiveBed } from './live-bed.ts';
import { largeMeasures, measureLarge } from './live-large.ts';
import { reloadOnce, settled } from './live-reload.ts';
import { type BenchOptions, type Measure, median } from './report.ts';

const size: DocumentSize = { vips: 1000, pools: 20, backends: 1000, protocol: 'udp' };
const bedName = 'torii-bench';
/** Far below what the engine forwards: the question is what a reload loses, not where it saturates. */
const streamPerSec = 20_000;
const startStreamPerSec = 1_000;
const patienceMs = 15_000;

const start = { name: 'daemon start to first forwarded packet', unit: 's', limit: 2 } as const;
const reload = { name: `reload of ${size.vips} VIPs`, unit: 'ms', limit: 300 } as const;
const small = { name: `reload of ${size.vips} VIPs, one backend's weight`, unit: 'ms' } as const;
const lost = { name: 'packets lost during reload', unit: 'packets', limit: 0 } as const;

type Report = (measure: Measure) => void;

/**
 * Rejects where the daemon fails; a machine that cannot have the bed is told in one sentence, and the measures are skipped.
 * After a signal everything is taken down all the same; then what was under way must not go on, so the caller has to exit.
 */
export async function measureLive(options: BenchOptions, report: Report): Promise<'measured' | 'skipped' | 'interrupted'> {
  const interrupt = new AbortController();
  const interrupted = new Promise<'interrupted'>((resolve) => {
    interrupt.signal.addEventListener('abort', () => resolve('interrupted'));
  });
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort(name));
  const bed = await buildBed();
  if (bed === undefined) {
    for (const measure of [start, reload, small, lost, ...largeMeasures]) report({ ...measure, value: null });
    return 'skipped';
  }
  try {
    return await Promise.race([interrupted, measureAll(bed, { ...options, signal: interrupt.signal, report })]);
  } finally {
    await bed.down();
  }
}

async function buildBed(): Promise<LiveBed | undefined> {
  try {
    preflight('bird', 'npm run bench:control');
    return await LiveBed.build(bedName);
  } catch (error) {
    if (!(error instanceof ToriiError) || error.code === 'internal') throw error;
    process.stderr.write(`the measures on a live daemon are skipped: ${messageOf(error)}\n`);
    return undefined;
  }
}

interface Scope extends BenchOptions {
  readonly signal: AbortSignal;
  readonly report: Report;
}

async function measureAll(bed: LiveBed, scope: Scope): Promise<'measured'> {
  const { isQuick, report } = scope;
  const starts: number[] = [];
  for (let i = 0; i < (isQuick ? 2 : 5); i++) starts.push(await startOnce(bed, scope));
  report({ ...start, value: median(starts) / 1000 });
  await measureReloads(bed, scope);
  await measureLarge(bed, scope);
  return 'measured';
}

/** Milliseconds. Leaves the daemon running, with the first edition in force. */
async function startOnce(bed: LiveBed, { signal }: Scope): Promise<number> {
  await bed.balancer.kill();
  signal.throwIfAborted();
  bed.replaceDocument(size);
  const stream = await bed.stream({ vips: 1, perSec: startStreamPerSec });
  signal.throwIfAborted();
  const startedMs = Date.now();
  await bed.balancer.start();
  const firstMs = await stream.firstMs(patienceMs);
  await stream.end();
  return firstMs - startedMs;
}

async function measureReloads(bed: LiveBed, { isQuick, signal, report }: Scope): Promise<void> {
  await settled(bed);
  signal.throwIfAborted();
  const stream = await bed.stream({ vips: keptVips(size.vips), perSec: streamPerSec });
  await stream.firstMs(patienceMs);
  const times = async (count: number, edition: (i: number) => Edition): Promise<readonly number[]> => {
    const all: number[] = [];
    for (let i = 0; i < count && !signal.aborted; i++) {
      all.push(await reloadOnce(bed, size, edition(i)));
      await settled(bed);
    }
    return all;
  };
  const rounds = isQuick ? 6 : 10;
  const whole = await times(rounds, (i) => ({ isOther: i % 2 === 0 }));
  const oneWeight = await times(rounds, (i) => ({ firstWeight: 101 + i }));
  const { sent, arrived } = await stream.end();
  signal.throwIfAborted();
  report({ ...reload, value: median(whole) });
  report({ name: `${reload.name}, fastest of ${rounds}`, value: Math.min(...whole), unit: 'ms' });
  report({ name: `${reload.name}, slowest of ${rounds}`, value: Math.max(...whole), unit: 'ms' });
  report({ ...small, value: median(oneWeight) });
  report({ ...lost, value: sent - arrived });
  report({ name: 'packets sent meanwhile', value: sent, unit: 'packets' });
}
