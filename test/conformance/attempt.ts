// Carries one trial out, from building its bed to taking it down, and says how it went.

import { setTimeout as delay } from 'node:timers/promises';
import { remains, tearDown } from '../../deploy/lab/lab.ts';
import { missingFor } from '../../deploy/lab/preflight.ts';
import { messageOf } from '../../src/errors.ts';
import { Bed } from './bed.ts';
import { routerNames, type Trial } from './case.ts';

export type Result =
  | { readonly kind: 'ok'; readonly seconds: number }
  | { readonly kind: 'FAIL'; readonly why: string }
  | { readonly kind: 'SKIP'; readonly why: string };

const defaultTimeoutMs = 180_000;

/** Why a trial cannot be made; null when it can. */
export function reasonToSkip({ router, test }: Trial): string | null {
  if (test.routers !== undefined && !test.routers.includes(router)) return `not with ${routerNames[router]}`;
  const missing = missingFor(router, test.isExabgp === true ? ['exabgp'] : []);
  return missing.length === 0 ? null : `not installed: ${missing.join(', ')}`;
}

/** Never rejects but for an interrupt, and leaves nothing behind. */
export async function attempt(name: string, trial: Trial): Promise<Result> {
  const why = reasonToSkip(trial);
  if (why !== null) return { kind: 'SKIP', why };
  const startMs = performance.now();
  try {
    await inBed(name, trial);
  } catch (error) {
    return {
      kind: 'FAIL',
      why: messageOf(error)
        .trim()
        .replaceAll(/\s*\n\s*/g, ' | '),
    };
  }
  const left = remains(name);
  if (left.length > 0) return { kind: 'FAIL', why: `left behind: ${left.join(', ')}` };
  return { kind: 'ok', seconds: (performance.now() - startMs) / 1000 };
}

async function inBed(name: string, trial: Trial): Promise<void> {
  const over = new AbortController();
  try {
    const bed = await Bed.build(name, trial);
    await Promise.race([trial.test.run(bed), tooLong(trial.test.timeoutMs ?? defaultTimeoutMs, over.signal)]);
  } finally {
    over.abort();
    await tearDown(name);
  }
}

async function tooLong(timeoutMs: number, signal: AbortSignal): Promise<void> {
  await delay(timeoutMs, undefined, { signal });
  throw new Error(`not finished within ${timeoutMs / 1000} s`);
}
