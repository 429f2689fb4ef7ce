// Bounded runs of libFuzzer, from the kept corpora and the fixtures' frames: over the whole packet core, and over its parser alone.
//
// The corpora in test/fixtures were found by longer runs (docs/testing.md); whatever once crashed belongs there, too.

import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureFrames, stateFile } from '../support/core-state.ts';
import { buildNative, native } from '../support/native-build.ts';

interface Target {
  readonly title: string;
  readonly program: string;
  /** In test/fixtures. */
  readonly corpus: string;
  readonly runs: number;
  /** A fixture's frame as the program reads it. */
  readonly seed: (frame: Uint8Array) => Uint8Array;
}

const wantedRuns = process.env['TORII_FUZZ_RUNS'];
const targets: readonly Target[] = [
  {
    title: 'the core',
    program: 'core_fuzz',
    corpus: 'corpus',
    runs: Number(wantedRuns ?? 12_000),
    // Control byte, length, bytes.
    seed: (frame) => Buffer.concat([Buffer.of(1, frame.length >> 8, frame.length & 255), frame]),
  },
  {
    title: 'the parser',
    program: 'parse_fuzz',
    corpus: 'corpus-parse',
    runs: Number(wantedRuns ?? 200_000),
    seed: (frame) => frame,
  },
];

describe.each(targets)('$title under libFuzzer', ({ program, corpus, runs, seed }) => {
  const kept = fileURLToPath(new URL(`../fixtures/${corpus}`, import.meta.url));
  let folder = '';

  beforeAll(() => {
    buildNative('test-programs');
    folder = mkdtempSync(join(tmpdir(), `torii-${program}-`));
    writeFileSync(join(folder, 'state'), stateFile());
    mkdirSync(join(folder, 'found'));
    mkdirSync(join(folder, 'seeds'));
    fixtureFrames.forEach((frame, i) => {
      writeFileSync(join(folder, 'seeds', `${i}`), seed(frame));
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('takes its corpus, every fixture and what grows from them without leaving its bounds', () => {
    expect(readdirSync(kept).length).toBeGreaterThan(50);
    const { log, status } = run([join(folder, 'found'), kept, join(folder, 'seeds')]);
    expect(status, log.slice(-4000)).toBe(0);
    expect(Number(/number_of_executed_units: (\d+)/.exec(log)?.[1])).toBeGreaterThanOrEqual(runs);
  });

  function run(folders: readonly string[]): { readonly status: number | null; readonly log: string } {
    const limits = [`-runs=${runs}`, '-seed=1', '-max_len=4096', '-timeout=60', '-print_final_stats=1'];
    const path = join(folder, 'log');
    const log = openSync(path, 'w'); /* a file, since a pipe has no room for what it says */
    const { status } = spawnSync(`${native}/build/test/${program}`, [...limits, `-artifact_prefix=${folder}/`, ...folders], {
      env: { ...process.env, TORII_STATE: join(folder, 'state') },
      stdio: ['ignore', 'ignore', log],
    });
    closeSync(log);
    return { status, log: readFileSync(path, 'utf8') };
  }
});
