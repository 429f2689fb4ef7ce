// Every claim of the demo, on real traffic through each router. The claims run in the story's order on one lab: each
// leaves it as it found it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pinnedObjects } from '../../deploy/lab/bpffs.ts';
import { claims } from '../../deploy/lab/claims/all.ts';
import { settle } from '../../deploy/lab/claims/claim.ts';
import { Scene } from '../../deploy/lab/claims/scene.ts';
import { Lab, remains, tearDown } from '../../deploy/lab/lab.ts';
import { labEngine, routersUnderTest } from './support/lab.ts';

const isRoot = process.getuid?.() === 0;
const name = 'torii-test-claims';

describe.skipIf(!isRoot).each(routersUnderTest)('behind %s', (router) => {
  const pinnedBefore = pinnedObjects();
  let lab: Lab;
  let scene: Scene;

  beforeAll(async () => {
    lab = await Lab.up({ name, router, engine: labEngine });
    scene = await Scene.start(lab);
  });

  afterAll(async () => {
    await scene?.stop();
    await tearDown(name);
    expect(remains(name)).toEqual([]);
    expect(pinnedObjects()).toEqual(pinnedBefore);
  });

  it('the story has all its claims', () => {
    expect(claims.map(({ id }) => id)).toEqual([
      'trafficSpreads',
      'clientAddressSeen',
      'balancerKilled',
      'balancerReturns',
      'backendDies',
      'backendDrained',
      'synFlood',
    ]);
  });

  it.each(claims.map((claim) => [claim.sentence, claim] as const))('%s', async (_sentence, claim) => {
    const { held, detail } = await settle(claim, scene);
    expect(held, detail).toBe(true);
  });
});
