import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureFrames, framesFile, stateFile } from '../support/core-state.ts';
import { buildNative } from '../support/native-build.ts';

const program = fileURLToPath(new URL('../../native/build/test/core_test', import.meta.url));

describe('the core under AddressSanitizer and UndefinedBehaviorSanitizer', () => {
  let folder = '';
  const run = (...words: readonly string[]): number => {
    const args = [join(folder, 'state'), join(folder, 'frames'), ...words];
    return Number.parseInt(execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString(), 10);
  };

  beforeAll(() => {
    buildNative('test-programs');
    folder = mkdtempSync(join(tmpdir(), 'torii-core-test-'));
    writeFileSync(join(folder, 'state'), stateFile());
    writeFileSync(join(folder, 'frames'), framesFile(fixtureFrames));
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('reads and writes nothing outside a frame, cut at every length', () => {
    expect(run('truncate')).toBe(fixtureFrames.reduce((sum, frame) => sum + frame.length + 1, 0));
  }, 240_000);

  it('takes whatever bytes come, one verdict a packet', () => {
    expect(run('fuzz', '1', '500000')).toBeGreaterThanOrEqual(500_000);
  }, 240_000);

  it('refuses a snapshot, or runs packets through it without leaving its tables', () => {
    expect(run('loads', '1', '20000')).toBe(20_000 * 64);
  }, 240_000);
});
