import { describe, expect, it } from 'vitest';
import { loadDataplaneAddon } from '../../../src/dataplane/addon.ts';
import type { Desired } from '../../../src/model/desired.ts';
import { emptyAllocation } from '../../../src/steering/allocate-all.ts';
import { compile } from '../../../src/steering/snapshot.ts';
import { Random } from '../../support/random.ts';
import { randomDesired } from '../../support/random-desired.ts';

const layout = loadDataplaneAddon().layout();
const rounds = 60;

/** As resolve() has it: what has not changed is the very same object. */
function following(before: Desired, random: Random): Desired {
  const next = randomDesired(random);
  if (random.oneIn(3)) return next;
  const { vips, tenants, pools } = before;
  return { ...next, vips, tenants, pools: random.oneIn(2) ? pools : next.pools };
}

describe('compiling what has mostly not changed', () => {
  it('gives the snapshot of a state that has no object of the one before', () => {
    const random = new Random(7);
    let desired = randomDesired(random);
    let [kept, anew] = [emptyAllocation(1024), emptyAllocation(1024)];
    let same = 0;
    for (let round = 0; round < rounds; round++) {
      const one = compile(desired, kept, layout);
      const other = compile(structuredClone(desired), anew, layout);
      expect(Buffer.compare(one.bytes, other.bytes)).toBe(0);
      expect(one.fills).toEqual(other.fills);
      if (kept.destinations !== null && one.allocation.destinations?.index === kept.destinations.index) same++;
      [kept, anew] = [one.allocation, other.allocation];
      desired = following(desired, random);
    }
    expect(same).toBeGreaterThan(rounds / 4);
  });
});
