// What the packet engines forward, on a real device with the real daemon, beside what the same machine does without them: bare
// loops, the kernel's forwarding, nftables; then latency, HTTP, idleness, and a change of a large document under traffic.
// docs/benchmarks.md says what each measure is. Needs root and two processors; without, all is skipped.
//
// An interrupt takes everything down.

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { failWith } from '../deploy/lab/arguments.ts';
import { tearDownOnInterrupt } from '../deploy/lab/interrupt.ts';
import { preflightTrouble } from '../deploy/lab/preflight.ts';
import { messageOf, ToriiError } from '../src/errors.ts';
import { EngineBed, type EngineWord } from './engine-bed.ts';
import { httpMeasures, measureHttp } from './engine-http.ts';
import { latencyMeasures, measureLatency } from './engine-latency.ts';
import { measureRates, type RateOptions, rateMeasures } from './engine-rates.ts';
import { LiveBed } from './live-bed.ts';
import { changeMeasures, measureChange } from './live-large.ts';
import { type Measure, reporter } from './report.ts';

const bedNames = { engines: 'torii-engines', http: 'torii-engines-http', change: 'torii-engines-live' } as const;
const engineWords = ['af_xdp', 'af_packet'] as const satisfies readonly EngineWord[];

const usage = `usage: npm run bench:engines -- [options]

  --engine ENGINE   af_xdp or af_packet   [both]
  --json            one line per measure
  --quick           two rounds instead of five`;

interface Scope extends RateOptions {
  readonly words: readonly EngineWord[];
  readonly isQuick: boolean;
}

/** Returns the engines that run here; of the others it tells why not. */
async function measureOnBed(scope: Scope): Promise<readonly EngineWord[]> {
  const bed = await EngineBed.claim(bedNames.engines);
  try {
    const running: EngineWord[] = [];
    for (const word of scope.words) if (await isRunning(bed, word, scope)) running.push(word);
    await measureLatency(bed, await measureRates(bed, running, scope), scope);
    return running;
  } finally {
    await bed.down();
  }
}

async function isRunning(bed: EngineBed, word: EngineWord, { report }: Scope): Promise<boolean> {
  try {
    await bed.renew();
    await bed.startBalancer(word);
    return true;
  } catch (error) {
    if (!(error instanceof ToriiError)) throw error;
    for (const measure of engineMeasures([word])) report({ ...measure, value: null, skipped: `no ${word} here` });
    process.stderr.write(`${word} is skipped: ${messageOf(error)}\n`);
    return false;
  }
}

function engineMeasures(words: readonly EngineWord[]): readonly Omit<Measure, 'value'>[] {
  return [...rateMeasures(words), ...latencyMeasures(words), ...httpMeasures(words)];
}

async function measureOnLiveBed(scope: Scope): Promise<void> {
  const bed = await LiveBed.build(bedNames.change);
  try {
    await measureChange(bed, { ...scope, isJson: false });
  } finally {
    await bed.down();
  }
}

function chosenEngines(word: string | undefined): readonly EngineWord[] {
  if (word === undefined) return engineWords;
  const chosen = engineWords.filter((each) => each === word);
  if (chosen.length === 0) throw new ToriiError('usage', `--engine: expected ${engineWords.join(' or ')}, got ${word}`);
  return chosen;
}

/** One sentence where this machine cannot have the beds. */
function reasonToSkip(): string | null {
  if (availableParallelism() < 2) return 'generator and balancer need a processor each, and there is one';
  return preflightTrouble('bird', 'npm run bench:engines');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      engine: { type: 'string' },
      json: { type: 'boolean' },
      quick: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return console.log(usage);
  const words = chosenEngines(values.engine);
  const isQuick = values.quick === true;
  const report = reporter({ isJson: values.json === true, isQuick });
  const reason = reasonToSkip();
  if (reason !== null) {
    process.stderr.write(`all is skipped: ${reason}\n`);
    for (const measure of [...engineMeasures(words), ...changeMeasures]) report({ ...measure, value: null });
    return;
  }
  const signal = tearDownOnInterrupt(...Object.values(bedNames));
  const scope = { words, rounds: isQuick ? 2 : 5, isQuick, signal, report };
  const running = await measureOnBed(scope);
  for (const word of running) await measureHttp(bedNames.http, word, scope);
  await measureOnLiveBed(scope);
}

await main().catch((error: unknown) => failWith('bench:engines', error));
