// Claim: a SYN flood against one tenant is cut to that tenant's plan, and nobody else notices: not the other tenant,
// and not the flooded tenant's own existing connections.

import { setTimeout as delay } from 'node:timers/promises';
import { acmePlan } from '../documents.ts';
import { synFlood } from '../traffic/flood.ts';
import { startedBetween, summarize } from '../traffic/summary.ts';
import { type Claim, outcomeOf } from './claim.ts';
import { describeFailures, failuresOf } from './judge.ts';
import type { StreamName } from './scene.ts';

const flood = { perSec: 10_000, durationMs: 4_000 } as const;
/** What the plan may let through beyond its letter: 2 % of clock and rounding, and one token per balancer. */
const tolerance = 1.02;
const settleMs = 300;

export const synFlooded: Claim = {
  id: 'synFlood',
  sentence: 'a SYN flood on one tenant: its plan limits it, the other tenant and existing connections do not notice',
  action: ({ lab }) =>
    `${flood.perSec} SYN/s from spoofed sources at ${lab.topology.vips.acme.address} for ${flood.durationMs / 1000} s`,
  async check(scene) {
    const { acme } = scene.lab.topology.vips;
    const balancers = scene.balancers.length;
    const calm = summarize(startedBetween(scene.results('globexNew'), Date.now() - 3_000));
    const before = await scene.tenant(acme.tenant);
    const startMs = Date.now();
    const sent = await synFlood(scene.lab, { vip: acme, ...flood });
    const endMs = Date.now();
    await delay(settleMs);
    const after = await scene.tenant(acme.tenant);
    const seconds = (Date.now() - startMs) / 1000;
    await scene.settled(endMs);
    const during = (...names: readonly StreamName[]) => startedBetween(scene.results(...names), startMs, endMs);
    const admitted = after.admitted - before.admitted;
    const limited = after.limited - before.limited;
    const most = Math.ceil(balancers * (acmePlan.burst + acmePlan.cps * seconds + 1) * tolerance);
    const other = during('globexNew', 'globexKept');
    const own = during('acmeKept');
    const others = summarize(during('globexNew'));
    return outcomeOf(
      [
        { holds: limited > 0, otherwise: 'nothing was limited' },
        { holds: admitted <= most, otherwise: `${admitted} SYNs were admitted, the plan allows ${most}` },
        { holds: admitted >= acmePlan.cps, otherwise: `only ${admitted} SYNs were admitted: the plan gives more` },
        {
          holds: other.length > 0 && failuresOf(other) === 0,
          otherwise: `the other tenant's requests failed: ${describeFailures(other)}`,
        },
        {
          holds: own.length > 0 && failuresOf(own) === 0,
          otherwise: `the flooded tenant's connections broke: ${describeFailures(own)}`,
        },
      ],
      `${sent.sent} SYNs: ${admitted} admitted (plan: at most ${most}), ${limited} refused; other tenant ${other.length} requests, none failed`,
      {
        sent: sent.sent,
        admitted,
        admittedAtMost: most,
        limited,
        seconds,
        otherRequests: other.length,
        otherFailed: failuresOf(other),
        otherP99Ms: others.p99Ms,
        otherP99CalmMs: calm.p99Ms,
        ownConnectionRequests: own.length,
        ownNewFailed: failuresOf(during('acmeNew')),
      },
    );
  },
};
