import { describe, expect, it, vi } from 'vitest';
import { retryMs } from '../../../src/control/planner.ts';
import type { StatusView } from '../../../src/model/views.ts';
import { Bed, down, routesIn, text } from './service-bed.ts';

describe('the config worker', () => {
  it('tries what was observed again, ever more seldom, until it is in force', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const bed = new Bed();
      await bed.start(text);
      let refusals = 0;
      bed.compiler.refuse = (desired) => desired.pools[0]?.backends[0]?.health === 'down' && ++refusals > 0;
      bed.observe(text, { '10.0.2.21': down['10.0.2.21'] });
      for (const [i, waitMs] of [retryMs.first, retryMs.first * 2, retryMs.first * 4].entries()) {
        expect((await bed.next('log')).message).toBe('not applied: the tables are too small');
        expect(refusals).toBe(i + 1);
        vi.advanceTimersByTime(waitMs - 1);
        await new Promise(setImmediate);
        expect(refusals).toBe(i + 1);
        vi.advanceTimersByTime(1);
      }
      await bed.next('log');
      bed.compiler.refuse = () => false;
      vi.advanceTimersByTime(retryMs.limit);
      await bed.adopt();
      expect(bed.compiler.drafted.at(-1)?.pools[0]?.backends[0]?.health).toBe('down');
    } finally {
      vi.useRealTimers();
    }
  });

  it('tries what native validation refused again, too', async () => {
    const bed = new Bed();
    await bed.start(text);
    bed.observe(text, { '10.0.2.21': down['10.0.2.21'] });
    const { outcome } = await bed.next('outcome');
    bed.service.take({ kind: 'refused', compile: outcome.compile, message: 'a worker has not adopted the generation before' });
    await bed.adopt();
    expect(bed.compiler.drafted.at(-1)?.pools[0]?.backends[0]?.health).toBe('down');
  });

  it('does not spin when the end of an override cannot be put in force', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    try {
      const bed = new Bed();
      await bed.start(text);
      const context = { by: 'alice', why: null, forSec: 60, ifRevision: null };
      const answer = bed.ask<'change'>({ kind: 'change', change: { kind: 'maintenance', value: true }, context });
      await bed.adopt();
      await answer;
      let refusals = 0;
      bed.compiler.refuse = () => ++refusals > 0;
      vi.advanceTimersByTime(60_000);
      await bed.next('log');
      for (let i = 0; i < 100; i++) {
        vi.advanceTimersByTime(2);
        await new Promise(setImmediate);
      }
      expect(refusals).toBe(1);
      bed.compiler.refuse = () => false;
      vi.advanceTimersByTime(retryMs.first);
      expect(routesIn(await bed.adopt())).toEqual(['203.0.113.10/32']);
      expect(await bed.view<StatusView>('status')).toMatchObject({ overrides: [] });
    } finally {
      vi.useRealTimers();
    }
  });
});
