// The health check of a pool or of a VIP of mode local, what the monitor is told to probe, and what it reports back. Pure.
//
// Identity of an observation is (pool, address, what is probed) or (VIP, what is probed): a changed weight, state, interval or
// threshold never resets it; another kind, port or path does. The monitor compares the timing itself.

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

/** What a VIP of mode local depends on: a check, and the one address that it probes. */
export interface ServiceCheck {
  readonly address: string;
  readonly check: HealthCheck;
}

/** One address to probe. The monitor is always given the whole list; `key` tells an unchanged target from a new one. */
export interface HealthTarget extends ServiceCheck {
  readonly key: string;
}

/** What the monitor says when a target's health changes. */
export interface HealthReport {
  readonly key: string;
  readonly health: Health;
  /** Why it is not up, in words: "tcp 80: connection refused"; null when up. */
  readonly reason: string | null;
}

export function healthKey(pool: string, address: string, check: HealthCheck): string {
  return `${pool}/${address}|${probeText(check)}`;
}

/** What the key of a VIP's check starts with: no pool's name has a space. */
export const vipKeyPrefix = 'vip ';

export function vipHealthKey(vip: string, { address, check }: ServiceCheck): string {
  return `${vipKeyPrefix}${vip}|${address} ${probeText(check)}`;
}

function probeText(check: HealthCheck): string {
  return `${check.kind}:${check.port}${check.kind === 'http' ? check.path : ''}`;
}
