// Snapshots swapped under full load: the workers' real loop, two of them, with a device that never runs dry and looks at every frame
// that leaves. TORII_SWAPS sets another number.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopState } from '../support/loop-state.ts';
import { buildNative, native } from '../support/native-build.ts';

const swaps = Number(process.env['TORII_SWAPS'] ?? 10_000);
const editions = 61;

describe('workers under full load whose snapshot is swapped again and again', () => {
  let folder = '';
  beforeAll(() => {
    buildNative('build/test/loop_swaps');
    folder = mkdtempSync(join(tmpdir(), 'torii-swaps-'));
    writeFileSync(join(folder, 'state'), loopState({ editions, workers: 2 }));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('lose no packet, and send each as one snapshot says that was in force', { timeout: 600_000 }, async () => {
    const { stdout } = await promisify(execFile)(`${native}/build/test/loop_swaps`, [join(folder, 'state'), String(swaps)]);
    expect(Number(stdout)).toBeGreaterThan(swaps);
  });
});
