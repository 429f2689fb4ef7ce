// What a good router does when a balancer goes and comes back, and what a common one does: the lab's resilient next-hop groups
// beside the plain ones, by where real packets of 600 flows arrive.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flowCensus, movedBetween } from '../../deploy/lab/flow-census.ts';
import { Lab, tearDown } from '../../deploy/lab/lab.ts';
import { nextHops, resilientTable } from '../../deploy/lab/routers/kernel-routes.ts';
import { run } from '../../deploy/lab/shell.ts';
import { until } from '../../deploy/lab/until.ts';
import { labEngine, routersUnderTest } from './support/lab.ts';

const isRoot = process.getuid?.() === 0;
const name = 'torii-test-ecmp';
const timeoutMs = 120_000;

describe.skipIf(!isRoot).each(routersUnderTest)('behind %s', (router) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.up({ name, balancers: 3, backends: 1, router, engine: labEngine, ecmp: 'resilient' });
  }, timeoutMs);
  afterAll(async () => tearDown(name), timeoutMs);

  const vip = () => lab.topology.vips.globex;
  /** In the daemon's own routes and in those that packets meet. */
  async function spread(count: number): Promise<void> {
    await lab.waitForBalancers(count, timeoutMs);
    const isSpread = async () => (await nextHops(lab.topology.namespaces.router, vip().address, resilientTable)).length === count;
    await until(isSpread, { what: `resilient routes over ${count} balancers`, timeoutMs });
  }
  /** Where flows are with all three, without one of them, and with it again. */
  async function without(gone: number) {
    await spread(3);
    const all = await flowCensus(lab, vip().address);
    await lab.balancers[gone]?.kill();
    await spread(2);
    const two = await flowCensus(lab, vip().address);
    await lab.balancers[gone]?.start();
    await spread(3);
    return { all, two, again: await flowCensus(lab, vip().address) };
  }

  it(
    'a resilient group moves no flow of a balancer that stays, neither when another goes nor when it comes back',
    async () => {
      const { all, two, again } = await without(0);
      expect(new Set(all.values()).size).toBe(3);
      expect(movedBetween(all, two).moved).toBe(0);
      expect(movedBetween(all, two).stayed).toBeGreaterThan(300);
      // Flows that are in use stay where they went meanwhile.
      expect(movedBetween(two, again)).toEqual({ stayed: 600, moved: 0 });
    },
    timeoutMs,
  );

  it(
    'plain multipath moves some, which balancers that choose alike make up for',
    async () => {
      await run(['ip', 'rule', 'del', 'lookup', `${resilientTable}`], { namespace: lab.topology.namespaces.router });
      const [first, second] = [await without(0), await without(1)];
      // The one that stands between the others in the route may go without moving any.
      const moved = [first, second].map(({ all, two }) => movedBetween(all, two).moved);
      expect(Math.max(...moved)).toBeGreaterThan(60);
      for (const { all, again } of [first, second]) expect(movedBetween(all, again)).toEqual({ stayed: 600, moved: 0 });
    },
    timeoutMs,
  );
});
