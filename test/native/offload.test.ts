// What the live engines do in the card's stead: cut super-frames, complete checksums. Under ASan and UBSan.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildNative } from '../support/native-build.ts';

const program = fileURLToPath(new URL('../../native/build/test/offload', import.meta.url));
const cases = 54_000;

describe('settings of cards', () => {
  it('that keep an engine from its work are off while it runs, and as before afterwards', () => {
    buildNative('build/test/link');
    expect(execFileSync(program.replace(/offload$/, 'link')).toString()).toBe('so\n');
  });
});

describe('offloads done in software', () => {
  beforeAll(() => buildNative('build/test/offload'));

  it.each([1, 20250601])(
    'yield what the sender meant, and survive hostile frames and metadata (seed %i)',
    (seed) => {
      expect(
        execFileSync(program, [String(seed)])
          .toString()
          .trim(),
      ).toBe(String(cases));
    },
    30_000,
  );
});
