import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { buildNative } from '../support/native-build.ts';

const timeout = 240_000;

beforeAll(() => buildNative('test-programs'), timeout);

it(
  'hashes and looks up flows side by side as it does one by one, with vectors and without',
  () => {
    const program = fileURLToPath(new URL('../../native/build/test/lanes', import.meta.url));
    expect(execFileSync(program).toString()).toMatch(/^320000 tuples, vectors: (yes|no)\n$/);
  },
  timeout,
);
