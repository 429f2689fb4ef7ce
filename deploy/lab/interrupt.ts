// What an interrupt does to a program that built labs: they are taken down, and the program ends with the shell's status for it.

import { constants } from 'node:os';
import { tearDown } from './lab.ts';

/** From now on. The signal is aborted at once, with the interrupt's name, for what would otherwise go on meanwhile. */
export function tearDownOnInterrupt(...names: readonly string[]): AbortSignal {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupt.abort(signal);
      void Promise.all(names.map(tearDown)).finally(() => process.exit(128 + constants.signals[signal]));
    });
  }
  return interrupt.signal;
}
