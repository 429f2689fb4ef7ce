// What the main thread and the config worker say to each other. Everything large crosses as transferred bytes. Types only.

import type { NodeConfig } from '../config/config.ts';
import type { ErrorCode } from '../errors.ts';
import type { NextHop } from '../model/backend.ts';
import type { HealthReport } from '../model/health-check.ts';
import type { Change, ChangeContext, DeviceStateWord, ExplainView, FlowQuery, Resource } from '../model/views.ts';
import type { ObservedDevice } from './desired-pool.ts';

/** workerData of the config worker. */
export interface ConfigWorkerData {
  readonly stateDir: string;
  readonly version: string;
  readonly startedAtMs: number;
}

/** What main knows and views show. Sent with each request for a view. */
export interface WorkerFacts {
  readonly device: string;
  readonly engine: string;
  /** That it stays on; null: any. */
  readonly core: number | null;
  /** Of the last second. */
  readonly busyRatio: number;
  readonly burstSize: number | null;
}

export interface NodeFacts {
  readonly ready: boolean;
  /** Why no route is announced that stands on the packet path; null when they are. */
  readonly blocked: string | null;
  /** By family: why no router hears of its routes; null while one does. */
  readonly unheard: { readonly 4: string | null; readonly 6: string | null };
  /** Routes that wait out their hold-down, with the reason in words. */
  readonly heldDown: readonly (readonly [prefix: string, reason: string])[];
  readonly peers: { readonly total: number; readonly established: number };
  readonly engine: string;
  /** In the order of start; `engine` is the document's word. */
  readonly devices: readonly { readonly name: string; readonly engine: string; readonly state: DeviceStateWord }[];
  /** By worker number. */
  readonly workers: readonly WorkerFacts[];
  readonly flowCapacity: number;
  readonly warnings: readonly string[];
}

export interface SourceFailure {
  readonly code: ErrorCode;
  readonly message: string;
  /** There is no such source, rather than a broken or unreachable one. */
  readonly isMissing: boolean;
}

export type ToConfig =
  /** The first document, or why its source could not be read. */
  | {
      readonly kind: 'boot';
      readonly id: number;
      readonly source: string;
      readonly text: string | SourceFailure;
    }
  /** The engine whose tables are to be filled; null on a node without a packet path. Compiling begins. */
  | { readonly kind: 'packetPath'; readonly engine: number | null }
  | { readonly kind: 'document'; readonly id: number; readonly source: string; readonly text: string; readonly force: boolean }
  /** The source could not be read. Counted and shown; nothing changes. */
  | { readonly kind: 'unreadable'; readonly message: string }
  | { readonly kind: 'change'; readonly id: number; readonly change: Change; readonly context: ChangeContext }
  | { readonly kind: 'health'; readonly reports: readonly HealthReport[] }
  | { readonly kind: 'nextHops'; readonly hops: readonly (readonly [address: string, hop: NextHop])[] }
  | { readonly kind: 'devices'; readonly devices: readonly (readonly [name: string, device: ObservedDevice])[] }
  | { readonly kind: 'adopted'; readonly compile: number; readonly generation: number }
  | { readonly kind: 'refused'; readonly compile: number; readonly message: string }
  | { readonly kind: 'read'; readonly id: number; readonly resource: Exclude<Resource, 'peers'>; readonly facts: NodeFacts }
  | { readonly kind: 'explain'; readonly id: number; readonly flow: string }
  | { readonly kind: 'flows'; readonly id: number; readonly query: FlowQuery }
  | { readonly kind: 'close' };

export type Request = Extract<ToConfig, { readonly id: number }>;

export interface BootReply {
  readonly revision: number;
  readonly node: NodeConfig;
  /** Why a last good document was taken instead of the source's, and whose it is; null when none was. */
  readonly fallback: { readonly problem: string; readonly source: string } | null;
}

export interface AppliedReply {
  readonly revision: number;
  readonly changes: readonly string[];
}

export type ReplyOf<Kind extends Request['kind']> = Kind extends 'boot'
  ? BootReply
  : Kind extends 'document' | 'change'
    ? AppliedReply
    : Kind extends 'read' | 'flows'
      ? Uint8Array
      : ExplainView;

/** One compiled state, to be put in force. */
export interface Outcome {
  readonly compile: number;
  readonly revision: number;
  /** Null on a node without a packet path. */
  readonly snapshot: Uint8Array<ArrayBuffer> | null;
  /** Routes that are new or changed (route-lines.ts), null for none; those that are gone were told by "withdraw". */
  readonly routes: Uint8Array<ArrayBuffer> | null;
  /** Routes whose place these take: they go once these are told. */
  readonly replaced: readonly string[];
  /** A document caused it. */
  readonly endsHoldDowns: boolean;
  /** JSON of HealthTarget[]. Null: as before. */
  readonly targets: Uint8Array<ArrayBuffer> | null;
  /** JSON of string[]: addresses whose next hops are needed. Null: as before. */
  readonly addresses: Uint8Array<ArrayBuffer> | null;
  /** Null: as before. */
  readonly node: NodeConfig | null;
  readonly changes: readonly string[];
  readonly warnings: readonly string[];
}

export type FromConfig =
  | { readonly kind: 'reply'; readonly id: number; readonly value: unknown }
  | {
      readonly kind: 'failure';
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly detail: unknown;
    }
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  /** Routes that must go at once, ahead of the outcome being compiled. */
  | { readonly kind: 'withdraw'; readonly prefixes: readonly string[]; readonly byHealth: readonly string[] }
  /** JSON of the metrics thread's Directory. */
  | { readonly kind: 'directory'; readonly json: Uint8Array<ArrayBuffer> }
  | {
      readonly kind: 'applied';
      readonly revision: number;
      readonly generation: number;
      readonly applyMs: number;
      readonly overrides: number;
      readonly maintenance: boolean;
    }
  /** The first document cannot be put in force; there is nothing to fall back to. */
  | { readonly kind: 'dead'; readonly code: ErrorCode; readonly message: string }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields?: Readonly<Record<string, unknown>>;
    };
