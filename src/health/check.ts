// What a probe is and what can come of it; the words in which failures are told.
//
// An outcome is about the backend or about ourselves: running out of sockets here says nothing about the backend, and
// counting it as failure would withdraw every VIP of a healthy fleet at once. Such outcomes are `inconclusive`.

import type { HealthReport } from '../model/health-check.ts';

export type Outcome =
  | { readonly kind: 'passed'; readonly latencyMs: number }
  | { readonly kind: 'failed'; readonly reason: string; readonly latencyMs: number }
  | { readonly kind: 'inconclusive'; readonly reason: string };

/** What is reported of a target: at a flip, and when the reason for not being up changes. */
export interface HealthChange extends HealthReport {
  /** Of the probe that caused the report; null when no probe did. */
  readonly latencyMs: number | null;
}

/** One target's counters since it was first seen, for metrics. */
export interface CheckStats {
  readonly key: string;
  readonly passed: number;
  readonly failed: number;
  readonly inconclusive: number;
  /** Of the latest conclusive probe; null before the first. */
  readonly latencyMs: number | null;
}

export interface ChecksLog {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly [field: string]: unknown;
}

const failureWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  EHOSTDOWN: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
};

const ownTroubleWords: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no free file descriptors',
  ENFILE: 'this host has no free file descriptors',
  EADDRNOTAVAIL: 'this host has no free port or no source address',
  ENOBUFS: 'this host has no free socket buffers',
  ENOMEM: 'this host has no free memory',
  EACCES: 'this host does not allow the connection',
  EPERM: 'this host does not allow the connection',
};

/** What a socket error means for the probe. `what` names the probe: "tcp 80". */
export function outcomeOfError(error: Error, what: string, latencyMs: number): Outcome {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const ownTrouble = ownTroubleWords[code];
  if (ownTrouble !== undefined) return { kind: 'inconclusive', reason: `${what}: ${ownTrouble}` };
  return { kind: 'failed', reason: `${what}: ${failureWords[code] ?? error.message}`, latencyMs };
}

/** Runs `onExpiry` after `timeoutMs`, but only once everything the kernel had ready by then was read: after a pause of
 * this process the timers come first, and answers that arrived in time would count as missing. */
export function deadline(timeoutMs: number, onExpiry: () => void): { cancel(): void } {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    immediate = setImmediate(onExpiry);
  }, timeoutMs);
  return {
    cancel() {
      clearTimeout(timer);
      clearImmediate(immediate);
    },
  };
}
