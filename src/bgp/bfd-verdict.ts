// What BFD means for BGP: when a peer counts as lost, and when it may be talked to again (RFC 5882 4). Pure.
//
// Lost: the session was Up, and the peer was silent for its detection time or said Down. AdminDown is no loss (4.2), nor is
// what this end does to itself. A session that has never been Up holds nothing back: a router without BFD must work.
//
// Regained: BFD is Up again, or the peer speaks none any more: it said AdminDown, or nothing for a while. The last is needed
// where a router has BFD only while BGP stands (FRR's dynamic neighbours); it costs nothing, since a path that is really
// broken lets no TCP connection through either.

import type { BfdState } from '../model/bfd.ts';

/** A BFD speaker that is not Up sends about once a second. */
export const silenceMs = 5000;

/** One look at a session. */
export interface BfdLook {
  readonly state: BfdState;
  readonly remoteState: BfdState;
  /** Counters, since the session was created. */
  readonly failures: number;
  readonly received: number;
}

/** What is remembered from look to look. */
export interface BfdMemory {
  readonly look: BfdLook;
  readonly stateSinceMs: number;
  readonly heardMs: number;
  readonly isLost: boolean;
}

export interface BfdVerdict {
  readonly memory: BfdMemory;
  /** In this order: a loss that is over by now is both. */
  readonly lost: boolean;
  readonly regained: boolean;
}

export function newMemory(nowMs: number): BfdMemory {
  const look: BfdLook = { state: 'down', remoteState: 'down', failures: 0, received: 0 };
  return { look, stateSinceMs: nowMs, heardMs: nowMs, isLost: false };
}

export function judge(before: BfdMemory, look: BfdLook, nowMs: number): BfdVerdict {
  const lost = look.failures > before.look.failures;
  const heardMs = look.received > before.look.received ? nowMs : before.heardMs;
  const speaksNone = look.remoteState === 'adminDown' || nowMs - heardMs >= silenceMs;
  const wasLost = before.isLost || lost;
  const isLost = wasLost && look.state !== 'up' && !speaksNone;
  // Down and Up again between two looks is a new beginning, too.
  const isSame = look.state === before.look.state && !lost;
  return {
    memory: { look, stateSinceMs: isSame ? before.stateSinceMs : nowMs, heardMs, isLost },
    lost,
    regained: wasLost && !isLost,
  };
}
