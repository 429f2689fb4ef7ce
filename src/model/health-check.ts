// A pool's health check, what the monitor is told to probe, and what it reports back. Pure.
//
// Identity of an observation is (pool, address, what is probed): a changed weight, state, interval or threshold never
// resets it; another kind, port or path does. The monitor compares the timing itself.

import type { Health } from './backend.ts';

export interface CheckTiming {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Successes in a row before `up`. */
  readonly rise: number;
  /** Failures in a row before `down`. */
  readonly fall: number;
}

export type HealthCheck = CheckTiming &
  ({ readonly kind: 'tcp'; readonly port: number } | { readonly kind: 'http'; readonly port: number; readonly path: string });

/** One backend to probe. The monitor is always given the whole list; `key` tells an unchanged target from a new one. */
export interface HealthTarget {
  readonly key: string;
  readonly pool: string;
  readonly address: string;
  readonly check: HealthCheck;
}

/** What the monitor says when a target's health changes. */
export interface HealthReport {
  readonly key: string;
  readonly health: Health;
  /** Why it is not up, in words: "tcp 80: connection refused"; null when up. */
  readonly reason: string | null;
}

export function healthKey(pool: string, address: string, check: HealthCheck): string {
  const path = check.kind === 'http' ? check.path : '';
  return `${pool}/${address}|${check.kind}:${check.port}${path}`;
}
