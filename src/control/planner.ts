// From edits to outcomes: gathers what changed, resolves and compiles it as one, hands the result to main, and waits
// until every packet worker has adopted it before compiling the next. Runs in the config worker.
//
// Guarantees: changes that arrive together are one compile; routes that must go are told before the compile begins; an
// intent that cannot be put in force is taken back whole, and whoever asked for it is told why; what was observed cannot be
// taken back, so it is tried again until it is in force. A VIP that leaves the
// document stays in the tables for graceMs after its route is withdrawn. Routes that an operator withdraws drain first, and
// those whose place others take go only once these are told.

import type { Config } from '../config/config.ts';
import { messageOf, ToriiError } from '../errors.ts';
import type { Desired } from '../model/desired.ts';
import { type AskedOf, askedOf } from './asked.ts';
import { type Resolved, resolve } from './desired.ts';
import type { Observed } from './desired-pool.ts';
import { diff } from './diff.ts';
import { afterTelling, afterWords, nextDrainEndMs, nothingDraining } from './draining.ts';
import { withLeaving, withoutLeaving } from './leaving.ts';
import type { AppliedReply, FromConfig, Outcome } from './messages.ts';
import { nodeChanges } from './node-changes.ts';
import type { Overrides } from './overrides.ts';
import { type PeerPasswords, passwordChanges, withPasswords } from './peer-passwords.ts';
import type { Compiler, Draft } from './ports.ts';
import { lostByHealth, type PlannedRoute, replacedOf, routesOf } from './routes.ts';
import type { Intent, Store } from './store.ts';
import { Told } from './told.ts';
import { afterObserving, coldStart, nextEndMs } from './warm-up.ts';

/** Time for routers to act on a withdrawal before the tables forget the VIP. */
export const graceMs = 2000;

/** Wait before trying again what was observed and refused; it doubles up to the limit. */
export const retryMs = { first: 250, limit: 5000 } as const;

/** What a compile is for. An override that expires is observed, too: nobody can take time back. */
export type Cause = 'document' | 'word' | 'observed';

export interface Waiter {
  readonly done: (reply: AppliedReply) => void;
  readonly failed: (error: ToriiError) => void;
}

export interface Applied extends Resolved {
  readonly intent: Intent;
  readonly leaving: ReadonlySet<string>;
  readonly desired: Desired;
  /** Of `desired`. */
  readonly routes: readonly PlannedRoute[];
  /** Null on a node without a packet path. */
  readonly draft: Draft | null;
}

interface Batch {
  readonly causes: Set<Cause>;
  readonly startedMs: number;
  readonly waiters: Waiter[];
}

interface Pending extends Applied {
  readonly compile: number;
  readonly batch: Batch;
  readonly changes: readonly string[];
  /** Routes that go once it is adopted. */
  readonly replaced: readonly string[];
}

export interface PlannerParams {
  readonly store: Store;
  readonly emit: (message: FromConfig, transfer?: readonly ArrayBuffer[]) => void;
  /** Called after every worker has adopted a state. */
  readonly onApplied: (applied: Applied, generation: number, applyMs: number) => void;
  /** The intent that is in force again after a later one could not be applied. */
  readonly onTakenBack: (intent: Intent) => void;
  /** Milliseconds, any origin. */
  readonly now: () => number;
}

export class Planner {
  readonly #params: PlannerParams;
  /** Undefined until main has said whether there is a packet path. */
  #compiler: Compiler | null | undefined;
  #compile = 0;
  #batch: Batch | null = null;
  #pending: Pending | null = null;
  #applied: Applied | null = null;
  /** Leaving VIP → when the tables may forget it. */
  #leavesAtMs: ReadonlyMap<string, number> = new Map();
  #grace: NodeJS.Timeout | undefined;
  #warmUp = coldStart;
  #warmUpEnd: NodeJS.Timeout | undefined;
  #draining = nothingDraining;
  #drainEnd: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryAfterMs: number = retryMs.first;
  #turn: NodeJS.Immediate | undefined;
  /** What main may have: wanted, and not told to go since. */
  #routes: readonly PlannedRoute[] = [];
  #toldConfig: Config | null = null;
  #knownConfig: Config | null = null;
  #asked: AskedOf | null = null;
  #announced: { readonly routes: readonly PlannedRoute[]; readonly prefixes: ReadonlySet<string> } | undefined;
  readonly #told = new Told();

  constructor(params: PlannerParams) {
    this.#params = params;
  }

  /** What every worker has adopted; null before the first. */
  get applied(): Applied | null {
    return this.#applied;
  }

  /** The newest state that was resolved, adopted or not. */
  get newest(): Applied | null {
    return this.#pending ?? this.#applied;
  }

  usePacketPath(compiler: Compiler | null): void {
    this.#compiler = compiler;
    this.#schedule();
  }

  /** Something changed. `waiter` hears when it is in force, or why it cannot be. */
  changed(cause: Cause, waiter?: Waiter): void {
    this.#batch ??= { causes: new Set(), startedMs: this.#params.now(), waiters: [] };
    this.#batch.causes.add(cause);
    if (waiter !== undefined) this.#batch.waiters.push(waiter);
    this.#schedule();
  }

  adopted(compile: number, generation: number): void {
    const pending = this.#pending;
    if (pending?.compile !== compile) return;
    this.#pending = null;
    if (pending.draft !== null) this.#compiler?.keep(pending.draft);
    this.#applied = pending;
    this.#forgetReplaced(pending.replaced);
    this.#retryAfterMs = retryMs.first;
    this.#forget(pending.config);
    this.#startGrace(pending.leaving);
    this.#startDrain(pending);
    const applyMs = Math.round((this.#params.now() - pending.batch.startedMs) * 10) / 10;
    this.#params.onApplied(pending, generation, applyMs);
    for (const { done } of pending.batch.waiters) done({ revision: pending.intent.revision, changes: pending.changes });
    this.#schedule();
  }

  refused(compile: number, message: string): void {
    const pending = this.#pending;
    if (pending?.compile !== compile) return;
    this.#pending = null;
    this.#takeBack(pending.batch, new ToriiError('snapshot_invalid', message));
    this.#schedule();
  }

  close(): void {
    clearTimeout(this.#grace);
    clearTimeout(this.#warmUpEnd);
    clearTimeout(this.#drainEnd);
    clearTimeout(this.#retry);
    clearImmediate(this.#turn);
  }

  #schedule(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#run();
    });
  }

  #run(): void {
    const batch = this.#batch;
    const { intent } = this.#params.store;
    if (batch === null || intent === null || this.#compiler === undefined) return;
    const state = this.#resolve(intent);
    this.#withdraw(state);
    // What comes must wait until the workers have adopted what was handed to them; what goes must not.
    if (this.#pending !== null) return;
    this.#batch = null;
    let draft: Draft | null;
    try {
      draft = this.#compiler?.draft(state.desired) ?? null;
    } catch (error) {
      this.#takeBack(batch, error instanceof ToriiError ? error : new ToriiError('internal', messageOf(error), { cause: error }));
      return;
    }
    this.#hand({ ...state, draft }, batch);
  }

  #resolve(intent: Intent): Omit<Applied, 'draft'> {
    const { config: documented, clusterSecret } = intent.document;
    const loaded = this.#withoutGone(this.#applied?.config ?? documented);
    const { config, leaving } = withLeaving(loaded, documented);
    const { overrides, revision } = intent;
    const { observed } = this.#params.store;
    const before = this.newest;
    const desired = resolve({
      revision,
      config,
      clusterSecret,
      overrides,
      observed,
      leaving,
      warming: this.#warm(config, observed),
      draining: this.#drain(config, overrides),
      announced: this.#announcedPrefixes(),
      before,
    });
    const isRoutedAlike = before?.desired.vips === desired.vips && before.desired.localVips === desired.localVips;
    const routes = isRoutedAlike ? before.routes : routesOf(desired);
    return { intent, config, overrides, observed, leaving, desired, routes };
  }

  #announcedPrefixes(): ReadonlySet<string> {
    const routes = this.#routes;
    if (this.#announced?.routes !== routes) this.#announced = { routes, prefixes: new Set(routes.map(({ prefix }) => prefix)) };
    return this.#announced.prefixes;
  }

  #drain(config: Config, overrides: Overrides): ReadonlySet<string> {
    const now = this.#params.now();
    this.#draining = afterWords(this.#draining, overrides, drainMsOf(config), now);
    this.#awaitDrainEnd(now);
    return new Set(this.#draining.untilMs.keys());
  }

  #startDrain({ config, overrides }: Applied): void {
    const now = this.#params.now();
    this.#draining = afterTelling(this.#draining, overrides, drainMsOf(config), now);
    this.#awaitDrainEnd(now);
  }

  #awaitDrainEnd(now: number): void {
    clearTimeout(this.#drainEnd);
    const end = nextDrainEndMs(this.#draining);
    if (end !== null) this.#drainEnd = setTimeout(() => this.changed('observed'), Math.max(1, end - now));
  }

  #warm({ pools }: Config, observed: Observed): ReadonlySet<string> {
    const now = this.#params.now();
    this.#warmUp = afterObserving(this.#warmUp, pools, observed, now);
    clearTimeout(this.#warmUpEnd);
    const end = nextEndMs(this.#warmUp);
    if (end !== null) this.#warmUpEnd = setTimeout(() => this.changed('observed'), Math.max(1, end - now));
    return new Set(this.#warmUp.warming.keys());
  }

  /** Routes go before anything else is done; new ones come only with adopted tables. */
  #withdraw({ desired, routes }: Pick<Applied, 'desired' | 'routes'>): void {
    const missing = this.#notAmong(routes);
    if (missing.length === 0) return;
    const replaced = replacedOf(missing, desired, routes);
    const lost = missing.filter(({ prefix }) => !replaced.has(prefix));
    if (lost.length === 0) return;
    const prefixes = new Set(lost.map(({ prefix }) => prefix));
    this.#params.emit({ kind: 'withdraw', prefixes: [...prefixes], byHealth: lostByHealth(lost, desired) });
    this.#routes = this.#routes.filter(({ prefix }) => !prefixes.has(prefix));
    this.#told.withdrawn(prefixes);
  }

  /** Those that main may have and that are not to be. */
  #notAmong(routes: readonly PlannedRoute[]): readonly PlannedRoute[] {
    if (hasEach(routes, this.#routes)) return [];
    const wanted = new Set(routes.map(({ prefix }) => prefix));
    return this.#routes.filter(({ prefix }) => !wanted.has(prefix));
  }

  #forgetReplaced(replaced: readonly string[]): void {
    if (replaced.length === 0) return;
    const prefixes = new Set(replaced);
    this.#routes = this.#routes.filter(({ prefix }) => !prefixes.has(prefix));
    this.#told.withdrawn(prefixes);
  }

  #hand(state: Applied, batch: Batch): void {
    const { intent, config, draft, routes } = state;
    const before = this.#applied;
    const compile = ++this.#compile;
    const changes = [
      ...(before === null ? [] : nodeChanges(before.config.node, config.node)),
      ...(before === null ? [] : passwordChanges(before.intent.document.peerPasswords, intent.document.peerPasswords)),
      ...diff(before === null ? null : withoutLeaving(before), withoutLeaving(state)),
    ];
    // What is still there and not wanted goes with this outcome: #withdraw has left nothing else.
    const replaced = this.#notAmong(routes);
    this.#routes = replaced.length === 0 ? routes : [...routes, ...replaced];
    const needs = this.#needsOf(config, intent.document.peerPasswords);
    const outcome: Outcome = {
      compile,
      revision: intent.revision,
      snapshot: draft?.snapshot ?? null,
      routes: this.#told.newRoutes(routes),
      replaced: replaced.map(({ prefix }) => prefix),
      endsHoldDowns: batch.causes.has('document'),
      ...needs,
      changes,
      warnings: intent.document.warnings,
    };
    this.#pending = { ...state, compile, batch, changes, replaced: outcome.replaced };
    const transfer = [outcome.snapshot, outcome.routes, outcome.targets, outcome.addresses].flatMap((bytes) =>
      bytes === null ? [] : [bytes.buffer],
    );
    this.#params.emit({ kind: 'outcome', outcome }, transfer);
  }

  /** What main must probe, follow and run for this document. */
  #needsOf(config: Config, passwords: PeerPasswords): Pick<Outcome, 'targets' | 'addresses' | 'node'> {
    if (config === this.#toldConfig) return { targets: null, addresses: null, node: null };
    this.#toldConfig = config;
    const { targets, addresses } = this.#askedOf(config);
    const node = withPasswords(config.node, passwords);
    return {
      targets: this.#told.news('targets', targets),
      addresses: this.#told.news('addresses', addresses),
      node: this.#told.news('node', node) === null ? null : node,
    };
  }

  /** Only now: had the document been refused, what is known of the old one's backends would be missed, and not said again. */
  #forget(config: Config): void {
    if (config === this.#knownConfig) return;
    this.#knownConfig = config;
    const { keys, addressSet } = this.#askedOf(config);
    this.#params.store.forget(keys, addressSet);
  }

  #askedOf(config: Config): AskedOf {
    this.#asked = askedOf(config, this.#asked);
    return this.#asked;
  }

  #takeBack(batch: Batch, error: ToriiError): void {
    const { store } = this.#params;
    const before = this.#applied?.intent;
    this.#toldConfig = null;
    this.#told.forget();
    this.#params.emit({ kind: 'log', level: 'error', message: `not applied: ${error.message}` });
    for (const { failed } of batch.waiters) failed(error);
    const isIntended = batch.causes.has('document') || batch.causes.has('word');
    if (before === undefined) return;
    if (!isIntended || store.intent === before) return this.#tryAgain();
    // What was said meanwhile was said on top of it, and goes with it.
    for (const { failed } of this.#batch?.waiters.splice(0) ?? []) failed(error);
    store.put(before);
    this.#params.onTakenBack(before);
    // Routes were withdrawn for what is not to be; this brings them back.
    this.changed('observed');
  }

  #tryAgain(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.changed('observed'), this.#retryAfterMs);
    this.#retryAfterMs = Math.min(retryMs.limit, this.#retryAfterMs * 2);
  }

  /** Each VIP has its own time: the next one's removal neither cuts nor stretches it. */
  #startGrace(leaving: ReadonlySet<string>): void {
    const end = this.#params.now() + graceMs;
    this.#leavesAtMs = new Map([...leaving].map((name) => [name, this.#leavesAtMs.get(name) ?? end]));
    clearTimeout(this.#grace);
    const next = Math.min(...this.#leavesAtMs.values());
    if (next === Number.POSITIVE_INFINITY) return;
    this.#grace = setTimeout(() => this.changed('observed'), Math.max(1, next - this.#params.now()));
  }

  #withoutGone(loaded: Config): Config {
    const now = this.#params.now();
    const gone = new Set([...this.#leavesAtMs].flatMap(([name, atMs]) => (atMs <= now ? [name] : [])));
    return gone.size === 0 ? loaded : { ...loaded, vips: loaded.vips.filter(({ name }) => !gone.has(name)) };
  }
}

function drainMsOf({ node }: Config): number {
  return (node.speaker?.drainSec ?? 0) * 1000;
}

/** The same prefixes in the same order, as mostly; ten thousand are looked up in a set only where something came or went. */
function hasEach(routes: readonly PlannedRoute[], others: readonly PlannedRoute[]): boolean {
  if (routes === others) return true;
  return routes.length === others.length && routes.every(({ prefix }, i) => others[i]?.prefix === prefix);
}
