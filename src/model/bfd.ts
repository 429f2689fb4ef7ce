// BFD sessions: what the document asks for a peer, and what is reported of its session (RFC 5880). Pure.

export interface BfdConfig {
  /** Between packets, in both directions; the peer may ask for more. */
  readonly intervalMs: number;
  /** How many of them may be missing. */
  readonly multiplier: number;
}

export type BfdState = 'adminDown' | 'down' | 'init' | 'up';

/** `bfd` of one row of `torii peers --json` (docs/bgp.md). */
export interface BfdStatus extends BfdConfig {
  readonly state: BfdState;
  /** As the peer last said; `down` while it is not heard. */
  readonly remoteState: BfdState;
  readonly uptimeSec: number;
  /** Agreed with the peer: our pace, and how long it may be silent; null while it is not heard. */
  readonly sendIntervalMs: number;
  readonly detectTimeMs: number | null;
  /** How often the session was Up and then no longer. */
  readonly flaps: number;
  /** Why the last time, in words. */
  readonly lastDiag: string | null;
  /** Why there can be no session now, in words: no way to send, or no socket. */
  readonly trouble: string | null;
  readonly packets: { readonly sent: number; readonly received: number; readonly discarded: number };
}
