// What operators said at run time: state, weight, hold, maintenance; with who, when, why and until. Pure values.
//
// An override wins over the document until it is taken back or its time is over. It stays when its target leaves the
// document, and holds again should the target return.

import { ToriiError } from '../errors.ts';
import { backendKey, type OperatorState } from '../model/backend.ts';
import type { Change, ChangeContext, OverrideView } from '../model/views.ts';
import { canonicalVipName } from '../model/vip.ts';

export type OverrideKind = Change['kind'];

export interface Override {
  readonly kind: OverrideKind;
  /** "pool/address", a VIP name, or "node". */
  readonly target: string;
  /** OperatorState, number, or true. */
  readonly value: OperatorState | number | true;
  readonly by: string;
  readonly why: string | null;
  readonly atMs: number;
  /** Null: until it is taken back. */
  readonly untilMs: number | null;
}

/** By kind and target. */
export type Overrides = ReadonlyMap<string, Override>;

export const noOverrides: Overrides = new Map();
export const nodeTarget = 'node';

export function overrideKey(kind: OverrideKind, target: string): string {
  return `${kind} ${target}`;
}

/** What a change may be about: the document's names. */
export interface Targets {
  hasVip(name: string): boolean;
  hasBackend(pool: string, address: string): boolean;
  /** Pools that have a backend of this address. */
  poolsOf(address: string): readonly string[];
}

export interface Edit {
  readonly change: Change;
  readonly context: ChangeContext;
  readonly nowMs: number;
}

/** The overrides after a change. Throws not_found or bad_request for a target that is none, or more than one. */
export function withChange(overrides: Overrides, targets: Targets, { change, context, nowMs }: Edit): Overrides {
  const target = targetOf(change, overrides, targets);
  const key = overrideKey(change.kind, target);
  const next = new Map(overrides);
  next.delete(key);
  const { value } = change;
  if (value === null || value === false) return next;
  const untilMs = context.forSec === null ? null : nowMs + context.forSec * 1000;
  return next.set(key, { kind: change.kind, target, value, by: context.by, why: context.why, atMs: nowMs, untilMs });
}

function targetOf(change: Change, overrides: Overrides, targets: Targets): string {
  if (change.kind === 'maintenance') return nodeTarget;
  // What was said can be taken back, even if the document no longer knows the target.
  if (overrides.has(overrideKey(change.kind, change.target))) return change.target;
  if (change.kind === 'hold') {
    const name = canonicalVipName(change.target);
    if (name === undefined) {
      throw new ToriiError('bad_request', `expected a VIP like 203.0.113.10:80/tcp, got ${change.target}`);
    }
    if (!targets.hasVip(name)) throw new ToriiError('not_found', `no VIP ${name}; torii vips lists all`);
    return name;
  }
  return backendTarget(change.target, targets);
}

function backendTarget(target: string, targets: Targets): string {
  const slash = target.lastIndexOf('/');
  const address = target.slice(slash + 1);
  if (slash !== -1) {
    const pool = target.slice(0, slash);
    if (targets.hasBackend(pool, address)) return backendKey(pool, address);
    throw new ToriiError('not_found', `no backend ${target}; torii backends lists all`);
  }
  const [pool, ...others] = targets.poolsOf(address);
  if (pool === undefined) throw new ToriiError('not_found', `no backend ${target}; torii backends lists all`);
  if (others.length > 0) {
    const candidates = [pool, ...others].map((name) => backendKey(name, address)).join(' or ');
    throw new ToriiError('bad_request', `${address} is in several pools: expected ${candidates}`);
  }
  return backendKey(pool, address);
}

/** The same object when nothing has expired. */
export function withoutExpired(overrides: Overrides, nowMs: number): Overrides {
  const live = [...overrides].filter(([, { untilMs }]) => untilMs === null || untilMs > nowMs);
  return live.length === overrides.size ? overrides : new Map(live);
}

/** When the next override expires; null when none does. */
export function nextExpiryMs(overrides: Overrides): number | null {
  let next: number | null = null;
  for (const { untilMs } of overrides.values()) if (untilMs !== null && (next === null || untilMs < next)) next = untilMs;
  return next;
}

/** "alice: kernel upgrade" */
export function wordsOf({ by, why }: Override): string {
  return why === null ? by : `${by}: ${why}`;
}

export function overrideViews(overrides: Overrides): readonly OverrideView[] {
  return [...overrides.values()].map(({ kind, target, value, by, why, atMs, untilMs }) => ({
    kind,
    target,
    value: value === true ? 'on' : String(value),
    by,
    at: new Date(atMs).toISOString(),
    until: untilMs === null ? null : new Date(untilMs).toISOString(),
    why,
  }));
}

/** Text for the state directory, and back. Undefined: no such text was written by this function. */
export function savedText({ revision, overrides }: { readonly revision: number; readonly overrides: Overrides }): string {
  return JSON.stringify({ version: 1, revision, overrides: [...overrides.values()] });
}

export function readSaved(text: string): { readonly revision: number; readonly overrides: Overrides } | undefined {
  try {
    const { version, revision, overrides } = JSON.parse(text) as {
      readonly version?: number;
      readonly revision?: number;
      readonly overrides?: readonly Override[];
    };
    if (version !== 1 || typeof revision !== 'number' || !Array.isArray(overrides)) return undefined;
    const entries = overrides as readonly Override[];
    return { revision, overrides: new Map(entries.map((each) => [overrideKey(each.kind, each.target), each])) };
  } catch {
    return undefined;
  }
}
