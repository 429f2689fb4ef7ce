// How many packets a second of processor time forwards: an engine's, the bare loop's, the kernel's. Runs alternate, and the
// best of each counts: on a shared machine everything but the best is somebody else's work.
//
// Rates are of processor time and not of the clock, so that what else runs on the machine does not decide them; docs/benchmarks.md
// says what is in whose time.

import type { Counted, EngineBed, EngineWord, Load } from './engine-bed.ts';
import { bareLoop, engine, kernelForwarding, nftables, nothing, type Subject } from './engine-subjects.ts';
import type { Measure } from './report.ts';

export interface RateOptions {
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly report: (measure: Measure) => void;
}

/** Known flows, after the warming up. */
const known = { flows: 1024, flags: 'ack' } as const;
/** So many that none comes twice. */
const fresh = { flows: 2 ** 31, flags: 'syn' } as const;
/** More than the receiver takes; or so that it takes all, and connection tracking has room for the flows of a run. */
const full = { atOnce: 0 } as const;
const inBursts = { atOnce: 2048 } as const;
/** With the warming up below what the kernel lets real-time threads run of a second. */
const ms = 700;
/** In bursts a thread waits most of the time: so much longer, for the same number of packets. */
const burstsMs = 2500;

const ratioLimit: Readonly<Record<EngineWord, number>> = { af_packet: 0.85, af_xdp: 0.9 };

/** Of the best run, in packets a second, by the subject's name. */
type Rates = ReadonlyMap<string, number>;

async function runOnce(bed: EngineBed, subject: Subject, load: Load): Promise<Counted> {
  await bed.renew();
  const threads = await subject.start(bed);
  const counted = await bed.generate(load, threads);
  await bed.end();
  return counted;
}

async function runAll(bed: EngineBed, subjects: readonly Subject[], load: Load, options: RateOptions): Promise<Runs> {
  const runs = new Map<string, Counted[]>(subjects.map(({ name }) => [name, []]));
  for (let i = 0; i < options.rounds; i++) {
    for (const subject of subjects) {
      options.signal.throwIfAborted();
      runs.get(subject.name)?.push(await runOnce(bed, subject, load));
    }
  }
  return runs;
}

type Runs = ReadonlyMap<string, readonly Counted[]>;

function best(runs: Runs, rate: (counted: Counted) => number): Rates {
  return new Map([...runs].map(([name, all]) => [name, Math.max(...all.map(rate))]));
}

function of(rates: Rates, { name }: Subject): number {
  return rates.get(name) ?? Number.NaN;
}

const ofThread = ({ arrived, threadSeconds }: Counted): number => arrived / threadSeconds;
const byClock = ({ arrived, seconds }: Counted): number => arrived / seconds;

/** Of all processor time but what sending costs where the frames are dropped at once. */
async function ratesOfAll(bed: EngineBed, subjects: readonly Subject[], load: Load, options: RateOptions): Promise<Rates> {
  const runs = await runAll(bed, [nothing, ...subjects], load, options);
  const sendSec = ({ senderSeconds, sent }: Counted): number => senderSeconds / sent;
  const emptySec = Math.min(...(runs.get(nothing.name) ?? []).map(sendSec));
  return best(runs, (counted) => 1 / (sendSec(counted) - emptySec + counted.threadSeconds / counted.arrived));
}

/** Each engine against its bare loop, while neither loses a packet. */
async function measureAgainstLoops(bed: EngineBed, words: readonly EngineWord[], options: RateOptions): Promise<void> {
  const pairs = words.map((word) => ({ word, ours: engine(word), bare: bareLoop[word] }));
  const loops = pairs.flatMap(({ ours, bare }) => [ours, bare]);
  const thread = best(await runAll(bed, loops, { ...known, ...inBursts, ms: burstsMs }, options), ofThread);
  for (const { word, ours, bare } of pairs) {
    for (const each of [ours, bare])
      options.report({ name: `${each.name}, of its thread`, value: of(thread, each), unit: 'packets/s' });
    options.report({ ...againstLoop(word), value: of(thread, ours) / of(thread, bare) });
  }
}

/** What engines and bare loops forward by the clock when more comes than they take. */
async function measureLimits(bed: EngineBed, words: readonly EngineWord[], options: RateOptions): Promise<Limits> {
  const pairs = words.map((word) => ({ word, ours: engine(word), bare: bareLoop[word] }));
  const loops = pairs.flatMap(({ ours, bare }) => [ours, bare]);
  const clock = best(await runAll(bed, loops, { ...known, ...full, ms }, options), byClock);
  for (const each of loops)
    options.report({ name: `${each.name}, flooded, by the clock`, value: of(clock, each), unit: 'packets/s' });
  return new Map(pairs.map(({ word, ours }) => [word, of(clock, ours)]));
}

/** Bare loops beside them, where there is a limit: what the bed leaves to an engine. */
async function measureAgainstKernel(bed: EngineBed, words: readonly EngineWord[], options: RateOptions): Promise<void> {
  const engines = words.map((word) => engine(word));
  const loops = words.map((word) => bareLoop[word]);
  const contests = [
    { kernel: kernelForwarding, load: known, what: '', ratio: againstKernel, others: [] },
    { kernel: nftables, load: fresh, what: ', new flow every packet', ratio: againstNftables, others: loops },
  ] as const;
  for (const { kernel, load, what, ratio, others } of contests) {
    const subjects = [...engines, ...others, kernel];
    const rates = await ratesOfAll(bed, subjects, { ...load, ...inBursts, ms }, options);
    for (const each of subjects)
      options.report({ name: `${each.name}${what}, of all time`, value: of(rates, each), unit: 'packets/s' });
    words.forEach((word, i) => {
      options.report({ ...ratio(word), value: of(rates, engines[i] ?? nothing) / of(rates, kernel) });
    });
  }
}

/** Returns what each engine forwards by the clock, in packets a second. */
export async function measureRates(bed: EngineBed, words: readonly EngineWord[], options: RateOptions): Promise<Limits> {
  await measureAgainstLoops(bed, words, options);
  await measureAgainstKernel(bed, words, options);
  return await measureLimits(bed, words, options);
}

export type Limits = ReadonlyMap<EngineWord, number>;

type Ratio = Omit<Measure, 'value'>;

const againstLoop = (word: EngineWord): Ratio => ({
  name: `${word} against a ${bareLoop[word].name}`,
  unit: 'x',
  limit: ratioLimit[word],
  atLeast: true,
});

const againstKernel = (word: EngineWord): Ratio => ({ name: `${word} against ${kernelForwarding.name}`, unit: 'x' });

const againstNftables = (word: EngineWord): Ratio => ({
  name: `${word} against ${nftables.name}, new flow every packet`,
  unit: 'x',
  limit: 1.5,
  atLeast: true,
});

/** What is told where nothing can be measured. */
export function rateMeasures(words: readonly EngineWord[]): readonly Ratio[] {
  return [againstLoop, againstKernel, againstNftables].flatMap((each) => words.map(each));
}
