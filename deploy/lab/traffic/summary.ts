// Numbers from request results. Pure.

import type { RequestResult } from './messages.ts';

export interface Summary {
  readonly requests: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Successful requests by backend. */
  readonly byBackend: Readonly<Record<string, number>>;
  /** Failures by error. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Nearest-rank percentile of sorted values; 0 when there are none. */
export function percentile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? 0;
}

export function countBy<T>(items: readonly T[], key: (item: T) => string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}

export function summarize(results: readonly RequestResult[]): Summary {
  const good = results.filter(({ ok }) => ok);
  const durations = good.map(({ durationMs }) => durationMs).toSorted((a, b) => a - b);
  return {
    requests: results.length,
    failed: results.length - good.length,
    p50Ms: round(percentile(durations, 0.5)),
    p99Ms: round(percentile(durations, 0.99)),
    maxMs: round(durations.at(-1) ?? 0),
    byBackend: countBy(good, ({ backend }) => backend ?? 'nobody'),
    errors: countBy(
      results.filter(({ ok }) => !ok),
      ({ error }) => error ?? 'unknown',
    ),
  };
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** Requests that began in [fromMs, toMs). */
export function startedBetween(results: readonly RequestResult[], fromMs: number, toMs = Infinity): readonly RequestResult[] {
  return results.filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
}
