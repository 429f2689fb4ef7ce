// Three ways for a balancer to go that look alike to a user and are three different things to a router.
//
// How soon the route is gone is told, not judged. Behind FRR, for the sake of that figure: BIRD 2.0.12 notices an expired hold timer in time, but takes the routes out
// only when its loop next wakes for something else, up to two seconds later.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { heal, linkDown, silentLoss } from '../../deploy/lab/faults.ts';
import { Lab, remains, tearDown } from '../../deploy/lab/lab.ts';
import { Traffic } from '../../deploy/lab/traffic/traffic.ts';
import { labEngine } from './support/lab.ts';

const isRoot = process.getuid?.() === 0;
const name = 'torii-test-faults';
/** Only ends a wait that would not: the lab's hold time is 9 s. */
const limitMs = 40_000;

describe.skipIf(!isRoot)('a balancer that goes', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.up({ name, router: 'frr', engine: labEngine });
  });

  afterAll(async () => {
    await tearDown(name);
    expect(remains(name)).toEqual([]);
  });

  it.each([
    ['whose packets are lost silently', silentLoss.name],
    ['whose own link goes down', linkDown.name],
  ])('%s is out of the route once the hold time is over, and back when healed', async (_what, fault) => {
    const [node] = lab.topology.balancers;
    if (node === undefined) throw new Error('the lab has no balancer');
    const startMs = performance.now();
    if (fault === silentLoss.name) await silentLoss(lab.topology, node);
    else await linkDown(node);
    await lab.waitForBalancers(1, limitMs);
    console.log(`${fault}: out of the route after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
    await heal(lab.topology, node);
    await lab.waitForBalancers(2, limitMs);
  });

  it('on purpose, by SIGTERM, costs no request', async () => {
    const [leaving] = lab.balancers;
    const traffic = Traffic.start(lab, { vip: lab.topology.vips.globex, mode: { kind: 'fresh', perSec: 60 } });
    await traffic.until((results) => results.length > 30, 'requests');
    await leaving?.stop();
    const endedMs = Date.now();
    expect(leaving?.isAlive()).toBe(false);
    await lab.waitForBalancers(1, limitMs);
    await traffic.settled(endedMs + 500);
    const results = await traffic.stop();
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
  });
});
