// The monitor: probes every target on its schedule and reports what changed. Runs in the checks thread.
//
// It is always told the whole list of targets. Targets with the same address and check share one probe, whichever
// pools they are in. A target that stays keeps its health, also when its timing changed; a removed one is forgotten
// without a report. Reports are gathered for one turn of the event loop, so that a rack's end is one message.
//
// Schedule: probes start at a fixed rate, never two at a time for one target, new targets spread out instead of all at
// once, with a jitter of 5 % against lockstep between balancers. A dead backend is so reported at most
// interval + (fall - 1) * max(interval, timeout) + timeout after its death (plus jitter). While nothing is known of a
// target it is probed faster, since until then its VIPs are withheld.

import type { Health } from '../model/backend.ts';
import type { HealthCheck, HealthTarget } from '../model/health-check.ts';
import type { CheckStats, ChecksLog, HealthChange, Outcome } from './check.ts';
import { carried, type Dampener, observe, undecided } from './dampener.ts';

export type Probe = (address: string, check: HealthCheck, signal: AbortSignal) => Promise<Outcome>;

export interface MonitorParams {
  readonly probe: Probe;
  readonly onChanges: (changes: readonly HealthChange[]) => void;
  readonly onLog: (entry: ChecksLog) => void;
  /** 0 … 1, for the jitter. */
  readonly random?: () => number;
}

const jitterShare = 0.05;
const unknownIntervalMs = 100;
const spreadMs = 1;

interface Run {
  readonly address: string;
  readonly check: HealthCheck;
  readonly keys: Set<string>;
  readonly abort: AbortController;
  timer: NodeJS.Timeout | undefined;
  dampener: Dampener;
  /** Why the latest probe did not pass; null when it did or before the first. */
  reason: string | null;
  /** Whether the latest probe said nothing about the backend; told once per row of such probes. */
  isBlind: boolean;
  passed: number;
  failed: number;
  inconclusive: number;
  latencyMs: number | null;
}

export class Monitor {
  readonly #params: MonitorParams;
  readonly #random: () => number;
  #runs = new Map<string, Run>();
  #runOfKey = new Map<string, Run>();
  /** What was last reported of each key, so that nothing is said twice. */
  readonly #reported = new Map<string, { readonly health: Health; readonly reason: string | null }>();
  #pending: HealthChange[] = [];
  #flush: NodeJS.Immediate | undefined;

  constructor(params: MonitorParams) {
    this.#params = params;
    this.#random = params.random ?? Math.random;
  }

  set(targets: readonly HealthTarget[]): void {
    const previous = this.#runs;
    const runs = new Map<string, Run>();
    const runOfKey = new Map<string, Run>();
    const started: Run[] = [];
    for (const run of previous.values()) run.keys.clear();
    for (const { key, address, check } of targets) {
      const id = runId(address, check);
      let run = runs.get(id) ?? previous.get(id);
      if (run === undefined) {
        run = newRun(address, check, this.#runOfKey.get(key));
        started.push(run);
      }
      runs.set(id, run);
      run.keys.add(key);
      runOfKey.set(key, run);
    }
    for (const [id, run] of previous) if (!runs.has(id)) stop(run);
    for (const key of this.#reported.keys()) if (!runOfKey.has(key)) this.#reported.delete(key);
    this.#runs = runs;
    this.#runOfKey = runOfKey;
    for (const run of runs.values()) this.#report(run, null);
    this.#start(started);
  }

  stats(): readonly CheckStats[] {
    return [...this.#runOfKey].map(([key, { passed, failed, inconclusive, latencyMs }]) => ({
      key,
      passed,
      failed,
      inconclusive,
      latencyMs,
    }));
  }

  close(): void {
    for (const run of this.#runs.values()) stop(run);
    this.#runs.clear();
    this.#runOfKey.clear();
    clearImmediate(this.#flush);
  }

  #start(runs: readonly Run[]): void {
    for (const [i, run] of runs.entries()) {
      const stepMs = Math.min(spreadMs, run.check.intervalMs / runs.length);
      run.timer = setTimeout(() => void this.#probe(run), i * stepMs);
    }
  }

  async #probe(run: Run): Promise<void> {
    const startedMs = performance.now();
    const outcome = await this.#params.probe(run.address, run.check, run.abort.signal);
    if (run.abort.signal.aborted) return;
    this.#record(run, outcome);
    const dueMs = startedMs + this.#intervalMs(run) - performance.now();
    run.timer = setTimeout(() => void this.#probe(run), Math.max(0, dueMs));
  }

  #intervalMs({ check, dampener }: Run): number {
    const base = dampener.health === 'unknown' ? Math.min(check.intervalMs, unknownIntervalMs) : check.intervalMs;
    return base * (1 - jitterShare + 2 * jitterShare * this.#random());
  }

  #record(run: Run, outcome: Outcome): void {
    if (outcome.kind === 'inconclusive') {
      run.inconclusive++;
      if (!run.isBlind)
        this.#params.onLog({ level: 'warn', message: `check of ${run.address} not possible`, reason: outcome.reason });
      run.isBlind = true;
      return;
    }
    run.isBlind = false;
    run.latencyMs = outcome.latencyMs;
    const hasPassed = outcome.kind === 'passed';
    if (hasPassed) run.passed++;
    else run.failed++;
    run.dampener = observe(run.dampener, hasPassed, run.check);
    run.reason = outcome.kind === 'failed' ? outcome.reason : null;
    this.#report(run, outcome.latencyMs);
  }

  #report(run: Run, latencyMs: number | null): void {
    const { health } = run.dampener;
    for (const key of run.keys) {
      const last = this.#reported.get(key) ?? { health: 'unknown', reason: null };
      // On the way back up the last failure stays the reason: "down, no failure" would tell an operator nothing.
      const reason = health === 'up' ? null : (run.reason ?? last.reason);
      if (last.health === health && last.reason === reason) continue;
      this.#reported.set(key, { health, reason });
      this.#pending.push({ key, health, reason, latencyMs });
    }
    if (this.#pending.length > 0) this.#flush ??= setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#flush = undefined;
    const changes = this.#pending;
    this.#pending = [];
    this.#params.onChanges(changes);
  }
}

function runId(address: string, check: HealthCheck): string {
  const { kind, port, intervalMs, timeoutMs, rise, fall } = check;
  return JSON.stringify([address, kind, port, kind === 'http' ? check.path : '', intervalMs, timeoutMs, rise, fall]);
}

function newRun(address: string, check: HealthCheck, before: Run | undefined): Run {
  return {
    address,
    check,
    keys: new Set(),
    abort: new AbortController(),
    timer: undefined,
    dampener: before === undefined ? undecided : carried(before.dampener),
    reason: before?.reason ?? null,
    isBlind: false,
    passed: before?.passed ?? 0,
    failed: before?.failed ?? 0,
    inconclusive: before?.inconclusive ?? 0,
    latencyMs: before?.latencyMs ?? null,
  };
}

function stop(run: Run): void {
  clearTimeout(run.timer);
  run.abort.abort();
}
