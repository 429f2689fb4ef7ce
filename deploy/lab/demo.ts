// `npm run demo`: the whole system on one machine, told as a story in which every step is checked.
//
// Real HTTP requests flow from a client through a real router, balancers and backends all the time; the steps are the
// claims of claims/all.ts, which the integration tests check as well. Exit status 0 exactly when every claim held.
//
// An interrupt ends the story where it is and takes the lab down, however often it is repeated.

import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { messageOf, ToriiError } from '../../src/errors.ts';
import { failWith, labArguments, labArgumentsText, labOptions, replacedText } from './arguments.ts';
import { pinnedObjects } from './bpffs.ts';
import { claims } from './claims/all.ts';
import { type Claim, type Outcome, outcomeOf, settle } from './claims/claim.ts';
import { Scene } from './claims/scene.ts';
import { Lab, remains, tearDown } from './lab.ts';
import { watch } from './live.ts';
import { lookAround } from './look-around.ts';
import { type Chapter, Narrator } from './narrator.ts';
import { preflight } from './preflight.ts';
import { defaultOptions, type LabOptions, planTopology } from './topology.ts';

/** The story ends here whatever hangs; a healthy run takes half of it. */
const deadlineMs = 105_000;

const demoOptions: LabOptions = { ...defaultOptions, name: 'torii-demo' };

const usage = `usage: npm run demo -- [options]

  --json            one JSON object on standard output (a boolean per claim, and the numbers); the story
                    on standard error. npm run -s keeps npm's own lines away from it
  --keep            leave the lab running and say how to look around
${labArgumentsText(demoOptions)}

example: npm run -s demo -- --json --router frr`;

interface Story {
  readonly options: LabOptions;
  readonly narrator: Narrator;
  /** Aborts when the time is up or the user has interrupted. */
  readonly deadline: AbortSignal;
  /** Aborts when the user has interrupted; its reason is the signal's name. */
  readonly interrupt: AbortSignal;
  readonly keep: boolean;
  readonly pinnedBefore: readonly string[];
}

function outOfTime(deadline: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const giveUp = () => resolve({ held: false, detail: `not finished: ${messageOf(deadline.reason)}`, numbers: {} });
    if (deadline.aborted) giveUp();
    else deadline.addEventListener('abort', giveUp, { once: true });
  });
}

/** One claim; "not finished" where the time is up, nothing where the user has interrupted: that breaks no promise. */
async function tell(claim: Claim, scene: Scene, { narrator, deadline, interrupt }: Story): Promise<readonly Chapter[]> {
  if (interrupt.aborted) return [];
  const { id, sentence } = claim;
  narrator.chapter(deadline.aborted ? 'out of time' : claim.action(scene), sentence);
  const outcome = await Promise.race([outOfTime(deadline), ...(deadline.aborted ? [] : [settle(claim, scene)])]);
  if (interrupt.aborted) return [];
  narrator.verdict(outcome);
  return [{ id, sentence, outcome }];
}

async function tellAll(lab: Lab, story: Story): Promise<readonly Chapter[]> {
  const scene = await Scene.start(lab);
  const live = watch(scene, story.narrator);
  const chapters: Chapter[] = [];
  try {
    for (const claim of claims) chapters.push(...(await tell(claim, scene, story)));
  } finally {
    live.stop();
    await Promise.race([scene.stop(), delay(5_000, undefined, { ref: false })]);
  }
  return chapters;
}

/** The last claim: after tearing down nothing of the lab is left. */
async function endsClean({ options, narrator, pinnedBefore }: Story): Promise<Chapter> {
  const sentence = 'everything ends clean: no namespace, process, file or pinned BPF object is left';
  narrator.chapter('the lab is taken down', sentence);
  const startMs = performance.now();
  await tearDown(options.name);
  const left = [...remains(options.name), ...pinnedObjects().filter((path) => !pinnedBefore.includes(path))];
  const outcome = outcomeOf(
    [{ holds: left.length === 0, otherwise: `left behind: ${left.join(', ')}` }],
    `nothing left after ${((performance.now() - startMs) / 1000).toFixed(1)} s`,
    { left: left.length },
  );
  narrator.verdict(outcome);
  return { id: 'endsClean', sentence, outcome };
}

async function run(story: Story): Promise<readonly Chapter[]> {
  const { options, narrator, keep, deadline, interrupt } = story;
  const { router, balancers, backends, engine } = options;
  narrator.say(
    `Torii: ${backends} backends behind ${balancers} balancers (${engine}) behind a ${router.toUpperCase()} router, in namespaces.`,
  );
  const replaced = replacedText(options.name);
  if (replaced !== null) narrator.say(replaced);
  try {
    const lab = await Lab.up(options);
    if (interrupt.aborted) return [];
    narrator.say('The lab is up; every balancer is a next hop of every VIP in the router.');
    const chapters = await tellAll(lab, story);
    if (interrupt.aborted) return chapters;
    if (keep && !deadline.aborted) {
      lab.disown();
      return chapters;
    }
    return [...chapters, await endsClean(story)];
  } finally {
    if (Lab.open(options.name)?.ledger.owner() !== undefined) await tearDown(options.name);
  }
}

function hasHeld(chapters: readonly Chapter[], interrupt: AbortSignal): boolean {
  return !interrupt.aborted && chapters.every(({ outcome }) => outcome.held);
}

function report(chapters: readonly Chapter[], { options, interrupt }: Story, seconds: number): object {
  return {
    ok: hasHeld(chapters, interrupt),
    ...(interrupt.aborted ? { interrupted: String(interrupt.reason) } : {}),
    ...Object.fromEntries(chapters.map(({ id, outcome }) => [id, outcome.held])),
    balancers: options.balancers,
    backends: options.backends,
    router: options.router,
    engine: options.engine,
    seconds: Math.round(seconds * 10) / 10,
    numbers: Object.fromEntries(chapters.map(({ id, outcome }) => [id, outcome.numbers])),
    details: Object.fromEntries(chapters.map(({ id, outcome }) => [id, outcome.detail])),
  };
}

/** The story kills one of each kind, and traffic must have somewhere to go. */
function checkSize(options: LabOptions): void {
  planTopology(options);
  for (const what of ['balancers', 'backends'] as const) {
    if (options[what] < 2) throw new ToriiError('usage', `--${what}: expected at least 2 for the demo, got ${options[what]}`);
  }
}

/** Aborts at the first interrupt. Those that follow are ignored: what is under way is the taking down. */
function interrupted(narrator: Narrator): AbortSignal {
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (interrupt.signal.aborted) return;
      narrator.say(`\n${name}: taking the lab down`);
      interrupt.abort(name);
    });
  }
  // Nobody reads on: `npm run demo | head`.
  process.stdout.on('error', () => interrupt.abort('SIGPIPE'));
  return interrupt.signal;
}

async function main(): Promise<void> {
  const flags = { json: { type: 'boolean' }, keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
  const { values } = parseArgs({ options: { ...labArguments, ...flags } });
  if (values.help === true) {
    console.log(usage);
    return;
  }
  const options = labOptions(values, demoOptions);
  checkSize(options);
  preflight(options.router, 'npm run demo');
  const narrator = new Narrator(values.json === true ? process.stderr : process.stdout);
  const interrupt = interrupted(narrator);
  const deadline = AbortSignal.any([interrupt, AbortSignal.timeout(deadlineMs)]);
  const story = { options, narrator, deadline, interrupt, keep: values.keep === true, pinnedBefore: pinnedObjects() };
  const startMs = performance.now();
  const chapters = await run(story).catch((error: unknown): readonly Chapter[] => {
    // Ctrl-C also ends the programs that were building the lab; that the building failed is then no news.
    if (interrupt.aborted && remains(options.name).length === 0) return [];
    throw error;
  });
  const seconds = (performance.now() - startMs) / 1000;
  conclude(chapters, story, seconds);
  const json = values.json === true ? `${JSON.stringify(report(chapters, story, seconds))}\n` : '';
  // A claim that was given up may still be waiting for something; nothing waits for it.
  process.stdout.write(json, () => process.exit());
}

/** The table, the verdict and the exit status; the shell's own for a program that an interrupt ended. */
function conclude(chapters: readonly Chapter[], { options, narrator, interrupt }: Story, seconds: number): void {
  narrator.table(chapters);
  if (interrupt.aborted) {
    narrator.say(
      `\nInterrupted after ${chapters.length} of ${claims.length + 1} claims; the lab is gone (${seconds.toFixed(1)} s).`,
    );
    process.exitCode = 128 + (constants.signals[interrupt.reason as NodeJS.Signals] ?? 0);
    return;
  }
  const ok = hasHeld(chapters, interrupt);
  narrator.say(`\n${ok ? 'Every claim held' : 'NOT every claim held'} (${seconds.toFixed(1)} s).`);
  const standing = Lab.open(options.name);
  if (standing !== undefined) narrator.say(`\n${lookAround(standing)}`);
  process.exitCode = ok ? 0 : 1;
}

await main().catch((error: unknown) => failWith('demo', error));
