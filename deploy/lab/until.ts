// Waits for a condition that no event announces (a socket that starts to answer, a process of a former run that ends).
//
// Every wait has a deadline and says in words what it was waiting for.

import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, ToriiError } from '../../src/errors.ts';

export interface UntilOptions {
  /** What is awaited, as the end of "gave up after 5 s waiting for …". */
  readonly what: string;
  readonly timeoutMs: number;
  readonly everyMs?: number;
}

/** The first value of `probe` that is neither undefined nor false. A probe that throws counts as not yet. */
export async function until<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: UntilOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) {
      const because = lastError === undefined ? '' : `: ${messageOf(lastError)}`;
      throw new ToriiError('internal', `gave up after ${options.timeoutMs / 1000} s waiting for ${options.what}${because}`);
    }
    await delay(options.everyMs ?? 25);
  }
}
