import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { EventLoopMeter } from '../../../src/metrics/event-loop.ts';

let meter: EventLoopMeter | undefined;

afterEach(() => meter?.close());

it('sees an event loop that was held up, and starts anew after each reading', async () => {
  meter = new EventLoopMeter();
  await sleep(30);
  const until = performance.now() + 200;
  while (performance.now() < until);
  await sleep(30);
  const held = meter.read();
  expect(held.maxMs).toBeGreaterThan(100);
  expect(held.p50Ms).toBeLessThanOrEqual(held.p99Ms);
  expect(meter.read()).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 });
});
