import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { EventLoopMeter } from '../../../src/metrics/event-loop.ts';

let meter: EventLoopMeter | undefined;

afterEach(() => meter?.close());

it('sees an event loop that was held up, and starts anew after each reading', async () => {
  meter = new EventLoopMeter();
  let held = meter.read();
  // The meter's own timer must have run before and after the loop was held up, which a busy machine may delay.
  while (held.maxMs === 0) {
    await sleep(100);
    const until = performance.now() + 250; // of some of the meter's periods
    while (performance.now() < until);
    await sleep(100);
    held = meter.read();
  }
  expect(held.p50Ms).toBeLessThanOrEqual(held.p99Ms);
  expect(held.p99Ms).toBeLessThanOrEqual(held.maxMs);
  expect(meter.read()).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 });
});
