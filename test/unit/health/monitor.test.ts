import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ChecksLog, HealthChange, Outcome } from '../../../src/health/check.ts';
import { Monitor } from '../../../src/health/monitor.ts';
import { type HealthCheck, type HealthTarget, healthKey } from '../../../src/model/health-check.ts';

const tcp: HealthCheck = { kind: 'tcp', port: 80, intervalMs: 300, timeoutMs: 300, rise: 2, fall: 3 };
const target = (pool: string, address: string, check: HealthCheck = tcp): HealthTarget => ({
  key: healthKey(pool, address, check),
  address,
  check,
});
const passed: Outcome = { kind: 'passed', latencyMs: 1 };
const failed: Outcome = { kind: 'failed', reason: 'tcp 80: connection refused', latencyMs: 1 };

/** A monitor over a world of backends whose outcomes the test sets. */
function setUp() {
  const world = new Map<string, Outcome | 'silent'>();
  const probes: string[] = [];
  const changes: HealthChange[] = [];
  const batches: number[] = [];
  const logs: ChecksLog[] = [];
  const monitor = new Monitor({
    probe: (address, check) => {
      probes.push(address);
      const outcome = world.get(address) ?? passed;
      if (outcome !== 'silent') return Promise.resolve(outcome);
      const late: Outcome = { kind: 'failed', reason: 'no answer', latencyMs: check.timeoutMs };
      return new Promise((resolve) => setTimeout(() => resolve(late), check.timeoutMs));
    },
    onChanges: (batch) => {
      batches.push(batch.length);
      changes.push(...batch);
    },
    onLog: (entry) => logs.push(entry),
    random: () => 0.5,
  });
  opened.push(monitor);
  return { monitor, world, probes, changes, batches, logs };
}

const opened: Monitor[] = [];
beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  for (const monitor of opened.splice(0)) monitor.close();
  vi.useRealTimers();
});

describe('the health monitor', () => {
  it('reports a backend up after rise successes, without waiting whole intervals for the first verdict', async () => {
    const { monitor, changes } = setUp();
    monitor.set([target('web', '10.0.2.21', { ...tcp, intervalMs: 10_000 })]);
    await vi.advanceTimersByTimeAsync(200);
    expect(changes).toEqual([{ key: 'web/10.0.2.21|tcp:80', health: 'up', reason: null, latencyMs: 1 }]);
  });

  it.each(['silent', failed] as const)('reports a dead backend within four intervals of its death (%o)', async (death) => {
    const { monitor, world, changes } = setUp();
    monitor.set([target('web', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(1000);
    world.set('10.0.2.21', death);
    await vi.advanceTimersByTimeAsync(4 * 300 + 10);
    expect(changes.at(-1)).toMatchObject({ health: 'down' });
  });

  it('tells why a backend is not up as soon as it knows, and again when the reason changes', async () => {
    const { monitor, world, changes } = setUp();
    world.set('10.0.2.21', failed);
    monitor.set([target('web', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(1000);
    world.set('10.0.2.21', { kind: 'failed', reason: 'tcp 80: host unreachable', latencyMs: 1 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(changes.map(({ health, reason }) => [health, reason])).toEqual([
      ['unknown', 'tcp 80: connection refused'],
      ['down', 'tcp 80: connection refused'],
      ['down', 'tcp 80: host unreachable'],
    ]);
  });

  it('probes a backend once for all pools that check it alike, and reports it to each', async () => {
    const { monitor, probes, changes } = setUp();
    monitor.set([target('web', '10.0.2.21'), target('api', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(150);
    expect(probes).toHaveLength(2);
    expect(changes.map(({ key }) => key)).toEqual(['web/10.0.2.21|tcp:80', 'api/10.0.2.21|tcp:80']);
  });

  it('tells a pool that joins later the health that is already known', async () => {
    const { monitor, changes } = setUp();
    monitor.set([target('web', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(1000);
    monitor.set([target('web', '10.0.2.21'), target('api', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(0);
    expect(changes.slice(1)).toEqual([{ key: 'api/10.0.2.21|tcp:80', health: 'up', reason: null, latencyMs: null }]);
  });

  it('keeps the schedule and the health of a target that stays', async () => {
    const { monitor, probes, changes } = setUp();
    monitor.set([target('web', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(1000);
    const before = probes.length;
    for (let i = 0; i < 10; i++) monitor.set([target('web', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(10);
    expect(changes).toHaveLength(1);
    expect(probes.length - before).toBeLessThanOrEqual(1);
  });

  it('keeps the health when only the timing of the check changed', async () => {
    const { monitor, world, changes } = setUp();
    monitor.set([target('web', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(1000);
    monitor.set([target('web', '10.0.2.21', { ...tcp, intervalMs: 1000, fall: 5 })]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(changes).toHaveLength(1);
    world.set('10.0.2.21', failed);
    await vi.advanceTimersByTimeAsync(6000);
    expect(changes.slice(1)).toMatchObject([{ health: 'down' }]);
  });

  it('never probes again what was removed, and says nothing more about it', async () => {
    const { monitor, world, probes, changes } = setUp();
    world.set('10.0.2.21', 'silent');
    monitor.set([target('web', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(10);
    monitor.set([]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(probes).toHaveLength(1);
    expect(changes).toEqual([]);
  });

  it('has at most one probe of a target under way', async () => {
    const { monitor, world, probes } = setUp();
    world.set('10.0.2.21', 'silent');
    monitor.set([target('web', '10.0.2.21', { ...tcp, intervalMs: 100, timeoutMs: 1000 })]);
    await vi.advanceTimersByTimeAsync(4500);
    expect(probes).toHaveLength(5);
  });

  it('does not hold troubles of its own host against a backend, and logs a row of them once', async () => {
    const { monitor, world, changes, logs } = setUp();
    monitor.set([target('web', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(1000);
    world.set('10.0.2.21', { kind: 'inconclusive', reason: 'tcp 80: this process has no free file descriptors' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(changes).toHaveLength(1);
    expect(logs).toMatchObject([{ level: 'warn', reason: 'tcp 80: this process has no free file descriptors' }]);
  });

  it('spreads the first probes of many targets and reports what changes together as one batch', async () => {
    const { monitor, probes, batches } = setUp();
    monitor.set(Array.from({ length: 200 }, (_, i) => target('web', `10.0.${i >> 7}.${i & 127}`)));
    await vi.advanceTimersByTimeAsync(50);
    expect(probes.length).toBeLessThan(100);
    await vi.advanceTimersByTimeAsync(2000);
    expect(batches.reduce((sum, size) => sum + size)).toBe(200);
  });

  it('counts probes and knows the latest latency', async () => {
    const { monitor, world } = setUp();
    monitor.set([target('web', '10.0.2.21')]);
    await vi.advanceTimersByTimeAsync(150);
    world.set('10.0.2.21', { ...failed, latencyMs: 7 });
    await vi.advanceTimersByTimeAsync(300);
    expect(monitor.stats()).toEqual([{ key: 'web/10.0.2.21|tcp:80', passed: 2, failed: 1, inconclusive: 0, latencyMs: 7 }]);
  });
});
