// Builds and asks the programs of native/test, which `npm run build` leaves out.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** native/ of the checkout, seen from test/support as from dist/test/support. */
export const native = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../native' : '../../../native', import.meta.url),
);

/** Brings one target of native/Makefile up to date. Test files run side by side, so one build at a time. */
export function buildNative(target: string): void {
  mkdirSync(`${native}/build`, { recursive: true });
  execFileSync('flock', [`${native}/build/.lock`, 'make', '-s', '-C', native, target], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** Questions for native/test/vectors.c, and its answers in the same order. */
export function askNative(questions: readonly string[]): string[] {
  const answers = execFileSync(`${native}/build/test/vectors`, { input: `${questions.join('\n')}\n`, maxBuffer: 1 << 28 });
  return answers.toString().trimEnd().split('\n');
}
