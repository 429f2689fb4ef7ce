// The rings of a capture (native/dataplane/capture.c), driven as a worker drives them, under the sanitizers.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureFrames, framesFile, stateFile } from '../support/core-state.ts';
import { buildNative, native } from '../support/native-build.ts';

describe('the rings of a capture, under AddressSanitizer and UndefinedBehaviorSanitizer', () => {
  let folder = '';
  const run = (...words: readonly string[]): number => {
    const args = [join(folder, 'state'), join(folder, 'frames'), ...words];
    return Number.parseInt(execFileSync(`${native}/build/test/capture_test`, args).toString(), 10);
  };

  beforeAll(() => {
    buildNative('build/test/capture_test');
    folder = mkdtempSync(join(tmpdir(), 'torii-capture-test-'));
    writeFileSync(join(folder, 'state'), stateFile());
    writeFileSync(join(folder, 'frames'), framesFile(fixtureFrames));
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('hold what a filter asks for, as it came, as it leaves, with its verdict, and nothing else', () => {
    expect(run('samples', '1', '300')).toBeGreaterThan(1000);
  }, 240_000);

  it('keep the first packets when nobody reads, and count the others', () => {
    expect(run('full', '1')).toBe(64);
  });

  it('can be opened, read and freed while a worker fills them', () => {
    expect(run('threads', '1', '50')).toBeGreaterThanOrEqual(50);
  }, 240_000);
});
