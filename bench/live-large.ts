// What a document of 10,000 VIPs and 10,000 backends costs a live daemon: how soon a change of it is in force, and for how long
// its main thread, which talks to routers' sessions and operators, could do nothing else meanwhile.

import { type DocumentSize, firstBackend } from './documents.ts';
import type { LiveBed } from './live-bed.ts';
import { quiet, reloadOnce, sayOnce, settled } from './live-reload.ts';
import { type BenchOptions, type Measure, median } from './report.ts';

const size: DocumentSize = { vips: 10_000, pools: 200, backends: 10_000, protocol: 'udp', format: 'json' };

const whole = { name: `reload of ${size.vips} VIPs`, unit: 'ms' } as const;
const small = { name: `reload of ${size.vips} VIPs, one backend's weight`, unit: 'ms' } as const;
const busy = { name: `main thread busy at a stretch, ${size.vips} VIPs`, unit: 'ms', limit: 20 } as const;
const late = { name: `main thread late at most, ${size.vips} VIPs`, unit: 'ms' } as const;

const change = { name: `one backend of ${size.vips} VIPs changed, under traffic`, unit: 'ms', limit: 250 } as const;
const word = { name: `one backend of ${size.vips} VIPs drained, under traffic`, unit: 'ms' } as const;
const lost = { name: 'packets lost meanwhile', unit: 'packets', limit: 0 } as const;

/** Of measureChange. */
export const changeMeasures: readonly Omit<Measure, 'value'>[] = [change, word, lost];

/** The stream's own bound on addresses; all of them are VIPs. */
const streamVips = 4096;
const streamPerSec = 20_000;
const streamPatienceMs = 15_000;

/** Of measureLarge. */
export const largeMeasures: readonly Omit<Measure, 'value'>[] = [whole, small, busy, late];

interface Scope extends BenchOptions {
  readonly signal: AbortSignal;
  readonly report: (measure: Measure) => void;
}

/** Replaces the running daemon, if there is one. */
async function startLarge(bed: LiveBed, signal: AbortSignal): Promise<void> {
  await bed.balancer.kill();
  signal.throwIfAborted();
  bed.replaceDocument(size);
  await bed.startProbed();
  await settled(bed);
}

export async function measureLarge(bed: LiveBed, { isQuick, signal, report }: Scope): Promise<void> {
  await startLarge(bed, signal);
  const sinceMs = Date.now();
  const rounds = isQuick ? 2 : 5;
  const wholes: number[] = [];
  const smalls: number[] = [];
  for (let i = 0; i < rounds; i++) {
    signal.throwIfAborted();
    wholes.push(await reloadOnce(bed, size, { isOther: i % 2 === 0 }));
    await settled(bed);
    smalls.push(await reloadOnce(bed, size, { isOther: i % 2 === 0, firstWeight: 101 + i }));
    await settled(bed);
  }
  report({ ...whole, value: median(wholes) });
  report({ ...small, value: median(smalls) });
  const delays = bed.loopDelays(sinceMs);
  report({ ...busy, value: Math.max(0, ...delays.map(({ busyMs }) => busyMs)) });
  report({ ...late, value: Math.max(0, ...delays.map(({ lateMs }) => lateMs)) });
}

/**
 * One backend's weight in the document again and again, then an operator's word on that backend and its end, while packets to
 * thousands of the VIPs are under way. Replaces the running daemon.
 */
export async function measureChange(bed: LiveBed, { isQuick, signal, report }: Scope): Promise<void> {
  await startLarge(bed, signal);
  const stream = await bed.stream({ vips: streamVips, perSec: streamPerSec });
  await stream.firstMs(streamPatienceMs);
  const rounds = isQuick ? 3 : 8;
  const times: number[] = [];
  for (let i = 0; i < rounds && !signal.aborted; i++) {
    times.push(await reloadOnce(bed, size, { firstWeight: 101 + i }));
    await settled(bed);
  }
  const words: number[] = [];
  for (let i = 0; i < rounds && !signal.aborted; i++) {
    words.push(await sayOnce(bed, firstBackend, i % 2 === 0 ? 'draining' : null));
    await quiet(bed);
  }
  const { sent, arrived } = await stream.end();
  signal.throwIfAborted();
  report({ ...change, value: median(times) });
  report({ name: `${change.name}, fastest of ${times.length}`, value: Math.min(...times), unit: 'ms' });
  report({ ...word, value: median(words) });
  report({ name: `${word.name}, fastest of ${words.length}`, value: Math.min(...words), unit: 'ms' });
  report({ ...lost, value: sent - arrived });
  report({ name: 'packets sent meanwhile, 10000 VIPs', value: sent, unit: 'packets' });
}
