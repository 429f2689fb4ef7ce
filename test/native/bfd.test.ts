// BFD's codec, session and table (native/net/bfd_*.h): in virtual time under the sanitizers, and under libFuzzer; its thread
// (bfd.c) over loopback.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildNative, native } from '../support/native-build.ts';

const corpus = fileURLToPath(new URL('../fixtures/corpus-bfd', import.meta.url));
const runs = Number(process.env['TORII_FUZZ_RUNS'] ?? 5_000);

describe('a BFD session', () => {
  let folder = '';

  beforeAll(() => {
    buildNative('test-bfd');
    folder = mkdtempSync(join(tmpdir(), 'torii-bfd-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['bfd_test', 11, 'is_down_a_detection_time_after_the_last_packet'],
    ['bfd_intervals', 13, 'tells_of_its_interval_by_polling'],
  ])('keeps to every rule of RFC 5880 and 5881 that native/test/%s.c names', (program, count, rule) => {
    const rules = execFileSync(`${native}/build/test/${program}`, { encoding: 'utf8' }).trimEnd().split('\n');
    expect(rules).toHaveLength(count);
    expect(rules).toContain(rule);
  });

  it.each([
    ['AddressSanitizer', 'bfd_thread', 0],
    ['ThreadSanitizer', 'bfd_races', 2],
  ])('has a thread that keeps to its memory and its own words, by %s', (_, program, offset) => {
    const port = `${40_000 + offset + (process.pid % 2000) * 4}`;
    const steps = execFileSync(`${native}/build/test/${program}`, [port], { encoding: 'utf8' });
    expect(steps.trimEnd().split('\n')).toEqual(['up', 'flooded', 'lost', 'left']);
  });

  it('takes whatever arrives, in any order and at any time, without leaving its bounds', () => {
    expect(readdirSync(corpus).length).toBeGreaterThan(50);
    const limits = [`-runs=${runs}`, '-seed=1', '-max_len=2048', '-timeout=60', '-print_final_stats=1', '-verbosity=0'];
    const { status, stderr } = spawnSync(
      `${native}/build/test/bfd_fuzz`,
      [...limits, `-artifact_prefix=${folder}/`, folder, corpus],
      {
        encoding: 'utf8',
      },
    );
    expect(status, stderr.slice(-4000)).toBe(0);
    expect(Number(/number_of_executed_units: (\d+)/.exec(stderr)?.[1])).toBeGreaterThanOrEqual(runs);
  });
});
