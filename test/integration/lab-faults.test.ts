// Three ways for a balancer to go that look alike to a user and are three different things to a router.
//
// Behind FRR, because the limits are strict: BIRD 2.0.12 notices an expired hold timer in time, but takes the routes out
// only when its loop next wakes for something else, up to two seconds later.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { heal, linkDown, silentLoss } from '../../deploy/lab/faults.ts';
import { Lab, remains, tearDown } from '../../deploy/lab/lab.ts';
import { Traffic } from '../../deploy/lab/traffic/traffic.ts';
import { labEngine } from './support/lab.ts';

const isRoot = process.getuid?.() === 0;
const name = 'torii-test-faults';
/** BGP.md: hold time 9 s without BFD, and half a second for the router to act. */
const holdMs = 9_500;

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
  ])('%s is out of the route within the hold time, and back when healed', async (_what, fault) => {
    const [node] = lab.topology.balancers;
    if (node === undefined) throw new Error('the lab has no balancer');
    if (fault === silentLoss.name) await silentLoss(lab.topology, node);
    else await linkDown(node);
    await lab.waitForBalancers(1, holdMs);
    await heal(lab.topology, node);
    await lab.waitForBalancers(2, 30_000);
  });

  it('on purpose, by SIGTERM, costs no request', async () => {
    const [leaving] = lab.balancers;
    const traffic = Traffic.start(lab, { vip: lab.topology.vips.globex, mode: { kind: 'fresh', perSec: 60 } });
    await traffic.until((results) => results.length > 30, 'requests');
    await leaving?.stop();
    const endedMs = Date.now();
    expect(leaving?.isAlive()).toBe(false);
    await lab.waitForBalancers(1, 1_000);
    await traffic.settled(endedMs + 500);
    const results = await traffic.stop();
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
  });
});
