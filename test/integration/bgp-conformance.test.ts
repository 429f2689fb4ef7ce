// The quick part of the conformance suite (`npm run conformance` runs all): the built program's speaker against FRR, BIRD and
// GoBGP, over IPv4 and IPv6, with ECMP routes in the router's kernel.

import { describe, expect, it } from 'vitest';
import { routerKinds } from '../../deploy/lab/topology.ts';
import { trialsOf } from '../conformance/all-cases.ts';
import { attempt } from '../conformance/attempt.ts';
import { trialName } from '../conformance/case.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('SKIPPED: BGP against real routers needs root for network namespaces');

const trials = trialsOf({ routers: routerKinds, families: [4, 6], isQuick: true });

describe.skipIf(!isRoot)('against real routers', () => {
  it('are tried as many cases as there should be', () => {
    expect(trials.length).toBe(13);
  });

  it.each(trials.map((trial) => [trialName(trial), trial] as const))(
    '%s',
    async (_name, trial) => {
      const result = await attempt('torii-test-bgp', trial);
      expect(result).toMatchObject({ kind: 'ok' });
    },
    240_000,
  );
});
