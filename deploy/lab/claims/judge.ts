// Judgements about request results that several claims share. Pure, so that they are tested with made-up results.

import type { RequestResult } from '../traffic/messages.ts';
import { countBy } from '../traffic/summary.ts';

export interface KillJudgement {
  /** Requests under way at some moment of the window after the kill. */
  readonly inFlight: number;
  /** Failures of those: excused. */
  readonly failedInFlight: number;
  /** Failures of requests that began after the window: never excused. */
  readonly failedLater: number;
  /** Of those that began after the window, the slowest. */
  readonly slowestLaterMs: number;
  readonly later: number;
}

/** Sorts requests around a kill at `killMs` that may hurt what is under way for `windowMs`. */
export function judgeKill(results: readonly RequestResult[], killMs: number, windowMs: number): KillJudgement {
  const endMs = killMs + windowMs;
  const inFlight = results.filter(({ startMs, durationMs }) => startMs <= endMs && startMs + durationMs >= killMs);
  const later = results.filter(({ startMs }) => startMs > endMs);
  return {
    inFlight: inFlight.length,
    failedInFlight: inFlight.filter(({ ok }) => !ok).length,
    failedLater: later.filter(({ ok }) => !ok).length,
    slowestLaterMs: Math.ceil(Math.max(0, ...later.map(({ durationMs }) => durationMs))),
    later: later.length,
  };
}

export interface ConnectionJudgement {
  /** Connections that carried a request before `atMs` and ought to have gone on. */
  readonly before: number;
  /** Of those, the ones with a failed request from then on, or none at all. */
  readonly broken: number;
}

/**
 * Which long-lived connections of one stream outlived a moment. `spared` leaves connections out by the backend that
 * last answered on them (those of a backend that was killed cannot be expected to live).
 */
export function judgeConnections(results: readonly RequestResult[], atMs: number, spared?: string): ConnectionJudgement {
  const lastBefore = new Map<number, RequestResult>();
  const failedAfter = new Set<number>();
  const goodAfter = new Set<number>();
  for (const result of results) {
    const isBefore = result.startMs + result.durationMs < atMs;
    if (isBefore) lastBefore.set(result.connection, result);
    else if (result.ok) goodAfter.add(result.connection);
    else failedAfter.add(result.connection);
  }
  // A connection whose last request failed before was already broken, and its line has opened another one.
  const live = [...lastBefore].filter(([, last]) => last.ok && last.backend !== spared).map(([connection]) => connection);
  return {
    before: live.length,
    broken: live.filter((connection) => failedAfter.has(connection) || !goodAfter.has(connection)).length,
  };
}

/** Failures by error, as words: "3 × ECONNRESET, 1 × status 503"; "none" without any. */
export function describeFailures(results: readonly RequestResult[]): string {
  const errors = Object.entries(
    countBy(
      results.filter(({ ok }) => !ok),
      ({ error }) => error ?? 'unknown',
    ),
  );
  return errors.length === 0 ? 'none' : errors.map(([error, count]) => `${count} × ${error}`).join(', ');
}

export function failuresOf(results: readonly RequestResult[]): number {
  return results.filter(({ ok }) => !ok).length;
}
