// Claim: a backend dies; after its health check has noticed nothing fails any more, and nobody else's connection broke.

import { setTimeout as delay } from 'node:timers/promises';
import { detectionMs } from '../documents.ts';
import { type Claim, outcomeOf } from './claim.ts';
import { describeFailures, failuresOf, judgeConnections } from './judge.ts';
import type { Scene } from './scene.ts';

const observeMs = 1_500;
/** Only ends a wait that would not. */
const noticeLimitMs = 20_000;
/** From a balancer's word that a backend is down until its workers have the tables that say so. */
const adoptionMs = 250;

export const backendDies: Claim = {
  id: 'backendDies',
  sentence: "a backend dies: once its health check has noticed no request fails, no other backend's connection breaks",
  action: (scene) => `HAProxy on ${victim(scene).id} gets SIGKILL`,
  async check(scene) {
    const backend = victim(scene);
    const killMs = Date.now();
    await backend.killProxy();
    await scene.untilBackend(backend, (view) => view.health === 'down' && !view.takesNewFlows, 'down', noticeLimitMs);
    const noticedMs = Date.now() - killMs;
    // A machine under load notices late: judged is what fails from then on, and how long it took is told.
    const calmMs = killMs + Math.max(detectionMs, noticedMs + adoptionMs);
    const endMs = calmMs + observeMs;
    const all = await scene.window(killMs, endMs);
    const later = all.filter(({ startMs }) => startMs >= calmMs);
    const kept = (['acmeKept', 'globexKept'] as const).map((name) => judgeConnections(scene.results(name), killMs, backend.id));
    const broken = kept.reduce((sum, judged) => sum + judged.broken, 0);
    const others = kept.reduce((sum, judged) => sum + judged.before, 0);
    const toDead = later.filter((result) => result.backend === backend.id).length;
    await revive(scene);
    return outcomeOf(
      [
        { holds: later.length > 0, otherwise: 'no request after it was noticed' },
        { holds: failuresOf(later) === 0, otherwise: `requests failed after it was noticed: ${describeFailures(later)}` },
        { holds: toDead === 0, otherwise: `${toDead} answers by the dead backend` },
        { holds: others > 0 && broken === 0, otherwise: `${broken} of ${others} connections of other backends broke` },
      ],
      `noticed in ${noticedMs} ms; ${failuresOf(all)} of ${all.length - later.length} failed until then, 0 of ${later.length} after; ` +
        `${others} connections of others live on`,
      {
        noticedMs,
        failedBefore: failuresOf(all) - failuresOf(later),
        failedAfter: failuresOf(later),
        requestsAfter: later.length,
        otherConnections: others,
        otherBroken: broken,
      },
    );
  },
};

async function revive(scene: Scene): Promise<void> {
  const backend = victim(scene);
  await backend.startProxy();
  await scene.untilBackend(backend, (view) => view.takesNewFlows, 'up', 5_000);
  await delay(500);
}

function victim(scene: Scene) {
  const [first] = scene.lab.backends;
  if (first === undefined || scene.lab.backends.length < 2) throw new Error('killing a backend needs two');
  return first;
}
