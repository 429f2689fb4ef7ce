import { describe, expect, it } from 'vitest';
import { judgeConnections, judgeKill } from '../../../deploy/lab/claims/judge.ts';
import type { RequestResult } from '../../../deploy/lab/traffic/messages.ts';

function result(part: Partial<RequestResult>): RequestResult {
  return {
    startMs: 0,
    durationMs: 5,
    ok: true,
    error: null,
    backend: 'web1',
    clientAddressSeen: '10.67.0.2',
    vipSeen: '203.0.113.10:80',
    clientAddress: '10.67.0.2',
    clientPort: 40_000,
    connection: 0,
    reused: 0,
    ...part,
  };
}

describe('judging the death of a balancer', () => {
  it('excuses a failure of a request that was under way within the window', () => {
    const judged = judgeKill(
      [result({ startMs: 990, durationMs: 50, ok: false }), result({ startMs: 1_299, ok: false })],
      1_000,
      300,
    );
    expect(judged).toMatchObject({ inFlight: 2, failedInFlight: 2, failedLater: 0 });
  });

  it('never excuses a request that began after the window', () => {
    expect(judgeKill([result({ startMs: 1_301, ok: false })], 1_000, 300)).toMatchObject({
      later: 1,
      failedLater: 1,
      inFlight: 0,
    });
  });

  it('leaves requests out that had ended before', () => {
    expect(judgeKill([result({ startMs: 900, durationMs: 50, ok: false })], 1_000, 300)).toMatchObject({ inFlight: 0, later: 0 });
  });

  it('knows the slowest of the later ones', () => {
    const results = [result({ startMs: 1_100, durationMs: 3_000 }), result({ startMs: 1_400, durationMs: 40 })];
    expect(judgeKill(results, 1_000, 300).slowestLaterMs).toBe(40);
  });
});

describe('judging long-lived connections', () => {
  const before = (connection: number, part: Partial<RequestResult> = {}) => result({ connection, startMs: 100, ...part });
  const after = (connection: number, part: Partial<RequestResult> = {}) => result({ connection, startMs: 2_000, ...part });

  it('counts one that goes on as alive', () => {
    expect(judgeConnections([before(1), after(1)], 1_000)).toEqual({ before: 1, broken: 0 });
  });

  it('counts one whose next request fails as broken', () => {
    expect(judgeConnections([before(1), after(1, { ok: false }), after(2)], 1_000)).toEqual({ before: 1, broken: 1 });
  });

  it('counts one that was never heard of again as broken', () => {
    expect(judgeConnections([before(1), after(2)], 1_000)).toEqual({ before: 1, broken: 1 });
  });

  it('judges a request that was under way by how it ended', () => {
    const underWay = result({ connection: 1, startMs: 990, durationMs: 50, ok: false });
    expect(judgeConnections([before(1), underWay], 1_000)).toEqual({ before: 1, broken: 1 });
  });

  it('leaves out one that was broken before', () => {
    expect(judgeConnections([before(1, { ok: false, backend: null })], 1_000)).toEqual({ before: 0, broken: 0 });
  });

  it('leaves out those of a backend that was killed', () => {
    const results = [before(1), before(2, { backend: 'web2' }), after(1, { ok: false }), after(2, { backend: 'web2' })];
    expect(judgeConnections(results, 1_000, 'web1')).toEqual({ before: 1, broken: 0 });
  });
});
