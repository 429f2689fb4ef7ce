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
const known: Omit<Load, 'ms'> = { flows: 1024, flags: 'ack' };
/** So many that none comes twice. */
const fresh: Omit<Load, 'ms'> = { flows: 2 ** 31, flags: 'syn' };
/** With the warming up below what the kernel lets real-time threads run of a second. */
const knownMs = 700;
/** So short that connection tracking has room for a run's flows. */
const freshMs = 400;

const ratioLimit: Readonly<Record<EngineWord, number>> = { af_packet: 0.85, af_xdp: 0.9 };

/** Of each subject the best run, by name, in packets a second. */
interface Best {
  /** Of the forwarding thread's processor time. */
  readonly thread: ReadonlyMap<string, number>;
  /** Of all processor time but what the frame costs where nothing takes it. */
  readonly all: ReadonlyMap<string, number>;
  /** By the clock. */
  readonly clock: ReadonlyMap<string, number>;
}

async function runOnce(bed: EngineBed, subject: Subject, load: Load): Promise<Counted> {
  await bed.renew();
  const threads = await subject.start(bed);
  const counted = await bed.generate(load, threads);
  await bed.end();
  return counted;
}

async function bestOf(bed: EngineBed, subjects: readonly Subject[], load: Load, options: RateOptions): Promise<Best> {
  const runs = new Map<string, Counted[]>([nothing, ...subjects].map(({ name }) => [name, []]));
  for (let i = 0; i < options.rounds; i++) {
    for (const subject of [nothing, ...subjects]) {
      options.signal.throwIfAborted();
      runs.get(subject.name)?.push(await runOnce(bed, subject, load));
    }
  }
  const sendSec = ({ senderSeconds, sent }: Counted): number => senderSeconds / sent;
  const emptySec = Math.min(...(runs.get(nothing.name) ?? []).map(sendSec));
  const best = (rate: (counted: Counted) => number): ReadonlyMap<string, number> =>
    new Map(subjects.map(({ name }) => [name, Math.max(...(runs.get(name) ?? []).map(rate))]));
  return {
    thread: best(({ arrived, threadSeconds }) => arrived / threadSeconds),
    all: best((counted) => 1 / (sendSec(counted) - emptySec + counted.threadSeconds / counted.arrived)),
    clock: best(({ arrived, seconds }) => arrived / seconds),
  };
}

function of(rates: ReadonlyMap<string, number>, { name }: Subject): number {
  return rates.get(name) ?? Number.NaN;
}

/** Returns what each engine forwards by the clock. */
export async function measureRates(
  bed: EngineBed,
  words: readonly EngineWord[],
  options: RateOptions,
): Promise<ReadonlyMap<EngineWord, number>> {
  const { report } = options;
  const pairs = words.map((word) => ({ word, ours: engine(word), bare: bareLoop[word] }));
  const loops = pairs.flatMap(({ ours, bare }) => [ours, bare]);
  const forwarded = await bestOf(bed, [...loops, kernelForwarding], { ...known, ms: knownMs }, options);
  for (const { word, ours, bare } of pairs) {
    report({ name: `${ours.name}, of its thread`, value: of(forwarded.thread, ours), unit: 'packets/s' });
    report({ name: `${bare.name}, of its thread`, value: of(forwarded.thread, bare), unit: 'packets/s' });
    report({ ...againstLoop(word), value: of(forwarded.thread, ours) / of(forwarded.thread, bare) });
    report({ name: `${ours.name}, by the clock`, value: of(forwarded.clock, ours), unit: 'packets/s' });
  }
  reportAll(forwarded, [...pairs.map(({ ours }) => ours), kernelForwarding], '', options);
  for (const { word, ours } of pairs)
    report({ ...againstKernel(word), value: of(forwarded.all, ours) / of(forwarded.all, kernelForwarding) });
  const opened = await bestOf(bed, [...pairs.map(({ ours }) => ours), nftables], { ...fresh, ms: freshMs }, options);
  reportAll(opened, [...pairs.map(({ ours }) => ours), nftables], ', new flow every packet', options);
  for (const { word, ours } of pairs)
    report({ ...againstNftables(word), value: of(opened.all, ours) / of(opened.all, nftables) });
  return new Map(pairs.map(({ word, ours }) => [word, of(forwarded.clock, ours)]));
}

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

function reportAll(best: Best, subjects: readonly Subject[], what: string, { report }: RateOptions): void {
  for (const subject of subjects) {
    report({ name: `${subject.name}${what}, of all time`, value: of(best.all, subject), unit: 'packets/s' });
  }
}
