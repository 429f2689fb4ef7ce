// What main and the bgp worker say to each other (worker_threads messages). Types only.

import type { PeerMessage, PeerStatus, SpeakerConfig } from '../model/peer.ts';
import type { LogLevel } from './session.ts';

export type ToWorker =
  | { readonly kind: 'configure'; readonly config: SpeakerConfig }
  /** JSON of Advertisement[]: bytes cross without being copied, and are parsed over there. */
  | { readonly kind: 'set'; readonly json: Uint8Array }
  /** Its workers are to be watched; a number of dataplane/addon.ts. */
  | { readonly kind: 'watch'; readonly engine: number }
  | { readonly kind: 'messages'; readonly request: number; readonly peer: string }
  | { readonly kind: 'leave' }
  | { readonly kind: 'close'; readonly graceful: boolean };

export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly peer?: string;
}

export type FromWorker =
  | {
      readonly kind: 'peers';
      readonly peers: readonly PeerStatus[];
      readonly troubles: readonly string[];
      readonly bfdDiscards: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'log'; readonly entry: LogEntry }
  | { readonly kind: 'messages'; readonly request: number; readonly entries: readonly PeerMessage[] | undefined }
  | { readonly kind: 'left' }
  | { readonly kind: 'closed' };
