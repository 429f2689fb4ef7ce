// A bounded run of libFuzzer over the whole packet core, from the kept corpus and the fixtures' frames.
//
// The corpus in test/fixtures/corpus was found by longer runs (docs/testing.md); whatever once crashed belongs there, too.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureFrames, stateFile } from '../support/core-state.ts';
import { buildNative } from '../support/native-build.ts';

const program = fileURLToPath(new URL('../../native/build/test/core_fuzz', import.meta.url));
const corpus = fileURLToPath(new URL('../fixtures/corpus', import.meta.url));
const runs = Number(process.env['TORII_FUZZ_RUNS'] ?? 20_000);

/** One frame as core_fuzz.c reads it: control byte, length, bytes. */
function record(frame: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(1, frame.length >> 8, frame.length & 255), frame]);
}

describe('the core under libFuzzer', () => {
  let folder = '';

  beforeAll(() => {
    buildNative('test-programs');
    folder = mkdtempSync(join(tmpdir(), 'torii-core-fuzz-'));
    writeFileSync(join(folder, 'state'), stateFile());
    mkdirSync(join(folder, 'found'));
    mkdirSync(join(folder, 'seeds'));
    fixtureFrames.forEach((frame, i) => {
      writeFileSync(join(folder, 'seeds', `${i}`), record(frame));
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('takes its corpus, every fixture and what grows from them without leaving its bounds', () => {
    expect(readdirSync(corpus).length).toBeGreaterThan(50);
    const words = [
      `-runs=${runs}`,
      '-seed=1',
      '-max_len=4096',
      '-timeout=60',
      `-artifact_prefix=${folder}/`,
      '-print_final_stats=1',
    ];
    const { stderr, status } = run([...words, join(folder, 'found'), corpus, join(folder, 'seeds')]);
    expect(status, stderr.slice(-4000)).toBe(0);
    expect(Number(/number_of_executed_units: (\d+)/.exec(stderr)?.[1])).toBeGreaterThanOrEqual(runs);
  });

  function run(words: readonly string[]): { readonly status: number; readonly stderr: string } {
    try {
      execFileSync('/bin/sh', ['-c', '"$0" "$@" 2>"$TORII_LOG"', program, ...words], {
        env: { ...process.env, TORII_STATE: join(folder, 'state'), TORII_LOG: join(folder, 'log') },
      });
      return { status: 0, stderr: execFileSync('cat', [join(folder, 'log')], { encoding: 'utf8' }) };
    } catch {
      return { status: 1, stderr: execFileSync('cat', [join(folder, 'log')], { encoding: 'utf8' }) };
    }
  }
});
