// Claims: a balancer killed with SIGKILL costs at most what was under way on it, breaks no long-lived connection, and
// may come back without hurting anything.
//
// A Linux router with plain multipath moves about a quarter of the *surviving* flows to another balancer when a next
// hop goes. They live on because every balancer chooses the same backend for a flow.

import { setTimeout as delay } from 'node:timers/promises';
import { type Claim, outcomeOf } from './claim.ts';
import { describeFailures, failuresOf, judgeConnections, judgeKill } from './judge.ts';
import type { Scene } from './scene.ts';

/** The router may act sooner; what was on its way to the dead balancer then is still excused. */
const leastWindowMs = 300;
const observeMs = 2_500;

function judgeKept(scene: Scene, atMs: number) {
  const acme = judgeConnections(scene.results('acmeKept'), atMs);
  const globex = judgeConnections(scene.results('globexKept'), atMs);
  return { before: acme.before + globex.before, broken: acme.broken + globex.broken };
}

export const balancerKilled: Claim = {
  id: 'balancerKilled',
  sentence: 'a balancer dies: only requests in flight until its routes are gone may fail, no later one does',
  action: (scene) => `${victim(scene).id} gets SIGKILL`,
  async check(scene) {
    const balancer = victim(scene);
    const others = scene.balancers.length - 1;
    // Watched from before the kill, so that starting to watch is not measured with it.
    const gone = scene.lab.waitForBalancers(others, 20_000);
    const killMs = Date.now();
    await Promise.all([balancer.kill(), gone]);
    const goneMs = Date.now() - killMs;
    const endMs = killMs + goneMs + observeMs;
    // Requests that began before the kill count too, where they were still under way.
    const results = await scene.window(killMs - 5_000, endMs);
    const judged = judgeKill(results, killMs, Math.max(leastWindowMs, goneMs));
    const kept = judgeKept(scene, killMs);
    return outcomeOf(
      [
        { holds: judged.later > 0, otherwise: 'no request after the kill' },
        {
          holds: judged.failedLater === 0,
          otherwise: `${judged.failedLater} later requests failed: ${describeFailures(results)}`,
        },
        {
          holds: kept.before > 0 && kept.broken === 0,
          otherwise: `${kept.broken} of ${kept.before} long-lived connections broke`,
        },
      ],
      `routes gone in ${goneMs} ms; ${judged.failedInFlight} of ${judged.inFlight} in flight failed, 0 of ${judged.later} later; ` +
        `${kept.before} of ${kept.before} long-lived connections live on`,
      { routesGoneMs: goneMs, ...judged, keptConnections: kept.before, keptBroken: kept.broken },
    );
  },
};

export const balancerReturns: Claim = {
  id: 'balancerReturns',
  sentence: 'it comes back: no request fails, no long-lived connection breaks',
  action: (scene) => `${dead(scene)?.id ?? 'a balancer'} is started again`,
  async check(scene) {
    const startMs = Date.now();
    await dead(scene)?.start();
    await scene.lab.waitForBalancers(scene.lab.balancers.length, 15_000);
    const backMs = Date.now() - startMs;
    await delay(1_500);
    const results = await scene.window(startMs, Date.now());
    const kept = judgeKept(scene, startMs);
    return outcomeOf(
      [
        { holds: failuresOf(results) === 0, otherwise: `failed requests: ${describeFailures(results)}` },
        { holds: kept.broken === 0, otherwise: `${kept.broken} of ${kept.before} long-lived connections broke` },
      ],
      `announced again after ${(backMs / 1000).toFixed(1)} s; ${results.length} requests meanwhile, none failed`,
      { backMs, requests: results.length, failed: failuresOf(results), keptBroken: kept.broken },
    );
  },
};

function victim(scene: Scene) {
  const last = scene.balancers.at(-1);
  if (last === undefined || scene.balancers.length < 2) throw new Error('killing a balancer needs two that run');
  return last;
}

function dead(scene: Scene) {
  return scene.lab.balancers.find((balancer) => !balancer.isAlive());
}
