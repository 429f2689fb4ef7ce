// Rise and fall: what a row of probe outcomes says about a backend's health.
//
// One slow answer must not move traffic and one lucky one must not bring it back, so health changes only after `rise`
// successes or `fall` failures without interruption. `unknown` ends with the first such row, either way. Pure: probes,
// timers and the joining with the operator's intent are elsewhere (monitor.ts, control).

import type { Health } from '../model/backend.ts';

export interface Thresholds {
  /** Successes in a row before `up`; at least 1. */
  readonly rise: number;
  /** Failures in a row before `down`; at least 1. */
  readonly fall: number;
}

export interface Dampener {
  readonly health: Health;
  /** Outcomes in a row that were alike: n successes as n, n failures as -n, none yet as 0. */
  readonly streak: number;
}

export const undecided: Dampener = { health: 'unknown', streak: 0 };

/** The state after one more outcome; `health` differs from before exactly when this outcome completed the row. */
export function observe({ health, streak }: Dampener, passed: boolean, { rise, fall }: Thresholds): Dampener {
  // Capped at the threshold: a backend that was up for a year is no harder to bring down.
  const longer = passed ? Math.min(Math.max(streak, 0) + 1, rise) : Math.max(Math.min(streak, 0) - 1, -fall);
  if (longer >= rise) return { health: 'up', streak: longer };
  if (longer <= -fall) return { health: 'down', streak: longer };
  return { health, streak: longer };
}

/** The same health, to be confirmed afresh: what a target keeps when only its timing changed. */
export function carried({ health }: Dampener): Dampener {
  return { health, streak: 0 };
}
