// What an engine adds to a packet's way: one-way latency through it at a tenth of what it can forward, less that through the
// kernel's own forwarding on the same bed at the same rate.
//
// Several short runs, the best counts: a run that a real-time thread of somebody else fell into says nothing of the engine.

import type { EngineBed, EngineWord, Ways } from './engine-bed.ts';
import type { Limits, RateOptions } from './engine-rates.ts';
import { engine, kernelForwarding, type Subject } from './engine-subjects.ts';
import type { Measure } from './report.ts';

const loadShare = 0.1;
/** native/bench/latency.c's own bound. */
const perSecMax = 400_000;
const ms = 500;

const limitUs = { p50: 30, p99: 200 } as const;
const percentiles = ['p50', 'p99'] as const;

/** Limits are for busy polling, which af_xdp alone knows. */
function ways(word: EngineWord): readonly { readonly busyPoll: boolean; readonly name: string }[] {
  return [{ busyPoll: false, name: word }, ...(word === 'af_xdp' ? [{ busyPoll: true, name: `${word}, busy polling` }] : [])];
}

async function bestWays(bed: EngineBed, subject: Subject, perSec: number, { rounds, signal }: RateOptions): Promise<Ways> {
  await bed.renew();
  const threads = await subject.start(bed);
  const all: Ways[] = [];
  for (let i = 0; i < rounds; i++) {
    signal.throwIfAborted();
    all.push(await bed.ways(perSec, ms, threads));
  }
  await bed.end();
  const least = (of: (way: Ways) => number): number => Math.min(...all.map(of));
  return {
    sent: all.reduce((sum, { sent }) => sum + sent, 0),
    back: all.reduce((sum, { back }) => sum + back, 0),
    p50: least(({ p50 }) => p50),
    p99: least(({ p99 }) => p99),
    max: least(({ max }) => max),
  };
}

/** `limits` is what each engine forwards in a second. */
export async function measureLatency(bed: EngineBed, limits: Limits, options: RateOptions): Promise<void> {
  for (const [word, limit] of limits) {
    const perSec = Math.min(perSecMax, limit * loadShare);
    const kernel = await bestWays(bed, kernelForwarding, perSec, options);
    for (const { busyPoll, name } of ways(word)) {
      const through = await bestWays(bed, engine(word, { busyPoll }), perSec, options);
      for (const each of percentiles) {
        options.report({ ...added(name, each, busyPoll), value: through[each] - kernel[each] });
        options.report({ name: `one way through ${name}, ${each}`, value: through[each], unit: 'us' });
      }
      options.report({ name: `lost on the way through ${name}`, value: through.sent - through.back, unit: 'packets' });
    }
    options.report({ name: `rate of the above for ${word}`, value: perSec, unit: 'packets/s' });
    for (const each of percentiles)
      options.report({ name: `one way through kernel forwarding, ${each}`, value: kernel[each], unit: 'us' });
  }
}

function added(name: string, percentile: 'p50' | 'p99', isLimited: boolean): Omit<Measure, 'value'> {
  const limit = isLimited ? { limit: limitUs[percentile] } : {};
  return { name: `added one way by ${name}, ${percentile}`, unit: 'us', ...limit };
}

/** What is told where nothing can be measured. */
export function latencyMeasures(words: readonly EngineWord[]): readonly Omit<Measure, 'value'>[] {
  return words.flatMap((word) =>
    ways(word).flatMap(({ name, busyPoll }) => percentiles.map((each) => added(name, each, busyPoll))),
  );
}
