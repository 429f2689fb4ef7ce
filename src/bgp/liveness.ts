// What tells the speaker, faster than the hold time, that a peer is dead: an interface, so that the speaker knows no BFD.

import type { BfdStatus } from '../model/bfd.ts';
import type { PeerConfig } from '../model/peer.ts';
import type { LogLevel } from './session.ts';

export interface LivenessEvents {
  /** The peer was alive and is not: its session ends now, and it is not called. */
  onLost(address: string): void;
  /** It may be called, and may call, again. */
  onRegained(address: string): void;
  /** Something that status() or troubles() shows has changed. */
  onChange(): void;
  onLog(entry: { readonly level: LogLevel; readonly message: string; readonly peer?: string }): void;
}

export interface Liveness {
  /** All peers, as they are configured now. */
  configure(peers: readonly PeerConfig[]): void;
  /** Null for a peer without. */
  status(address: string): BfdStatus | null;
  /** In words for an operator; empty once mended. */
  troubles(): readonly string[];
  /** Received packets that were discarded, by reason. */
  discards(): Readonly<Record<string, number>>;
  /** Tells the peers that this end goes on purpose; resolves when they can know. */
  close(): Promise<void>;
}

/** For tests, and where no peer wants any. */
export const noLiveness: Liveness = {
  configure: () => undefined,
  status: () => null,
  troubles: () => [],
  discards: () => ({}),
  close: () => Promise.resolve(),
};
