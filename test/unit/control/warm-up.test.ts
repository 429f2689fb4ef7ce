import { describe, expect, it } from 'vitest';
import { afterObserving, coldStart, nextEndMs, patienceMs } from '../../../src/control/warm-up.ts';
import { configOf, documentOf, observedOf } from './world.ts';

const config = configOf(documentOf());
const known = observedOf(config);
const unknown = observedOf(config, { '10.0.2.22': { health: 'unknown', reason: null } });
const down = observedOf(config, { '10.0.2.22': { health: 'down', reason: 'tcp 80: connection refused' } });
const unresolved = { ...known, nextHops: new Map([...known.nextHops].slice(1)) };
const waiting = (warmUp: ReturnType<typeof afterObserving>) => [...warmUp.warming.keys()];

describe('a pool seen for the first time', () => {
  it('waits until health and next hop of every backend are known, well or badly', () => {
    expect(waiting(afterObserving(coldStart, config.pools, unknown, 0))).toEqual(['web']);
    expect(waiting(afterObserving(coldStart, config.pools, unresolved, 0))).toEqual(['web']);
    expect(waiting(afterObserving(coldStart, config.pools, known, 0))).toEqual([]);
    expect(waiting(afterObserving(coldStart, config.pools, down, 0))).toEqual([]);
  });

  it('does not wait for a backend that takes no new flows anyway', () => {
    for (const unused of [{ state: 'disabled' }, { state: 'draining' }, { weight: 0 }]) {
      const backends = ['10.0.2.21', { address: '10.0.2.22', ...unused }];
      const { pools } = configOf(documentOf({ pools: { web: { backends } } }));
      expect(waiting(afterObserving(coldStart, pools, unknown, 0))).toEqual([]);
    }
  });

  it('waits no longer than its patience', () => {
    const first = afterObserving(coldStart, config.pools, unknown, 1000);
    expect(nextEndMs(first)).toBe(1000 + patienceMs);
    expect(waiting(afterObserving(first, config.pools, unknown, 999 + patienceMs))).toEqual(['web']);
    const last = afterObserving(first, config.pools, unknown, 1000 + patienceMs);
    expect(waiting(last)).toEqual([]);
    expect(nextEndMs(last)).toBeNull();
  });

  it('waits once: a backend that joins later does not withdraw its VIPs', () => {
    const warm = afterObserving(coldStart, config.pools, known, 0);
    expect(waiting(afterObserving(warm, config.pools, unknown, 1))).toEqual([]);
  });
});
