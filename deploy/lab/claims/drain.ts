// Claim: a drained backend gets nothing new, keeps what it has, and no request fails; taken back, it serves again.

import { setTimeout as delay } from 'node:timers/promises';
import type { RequestResult } from '../traffic/messages.ts';
import { type Claim, outcomeOf } from './claim.ts';
import { describeFailures, failuresOf } from './judge.ts';
import type { Scene } from './scene.ts';

const observeMs = 2_000;

export const drain: Claim = {
  id: 'backendDrained',
  sentence: 'a backend is drained: no request fails, nothing new reaches it, its connections go on',
  action: (scene) => `${drained(scene).id} is set to draining on every balancer`,
  async check(scene) {
    const backend = drained(scene);
    const startMs = Date.now();
    await scene.setState(backend, 'draining');
    await scene.untilBackend(backend, (view) => view.state === 'draining' && !view.takesNewFlows, 'draining', 5_000);
    const appliedMs = Date.now();
    await scene.settled(appliedMs + observeMs);
    const during = await scene.window(appliedMs, appliedMs + observeMs);
    await scene.setState(backend, null);
    await scene.untilBackend(backend, (view) => view.takesNewFlows, 'taking flows again', 5_000);
    const againMs = Date.now();
    const isThere = (results: readonly RequestResult[]) =>
      results.some((result) => result.startMs > againMs && result.reused === 0 && result.backend === backend.id);
    await scene.streams.globexNew.until(isThere, `a new connection to ${backend.id} after the drain`);
    await delay(200);
    const whole = await scene.window(startMs, Date.now());
    const toIt = during.filter((result) => result.backend === backend.id);
    const newToIt = toIt.filter(({ reused }) => reused === 0).length;
    return outcomeOf(
      [
        { holds: failuresOf(whole) === 0, otherwise: `failed requests: ${describeFailures(whole)}` },
        { holds: newToIt === 0, otherwise: `${newToIt} new connections reached it while draining` },
        { holds: toIt.length > 0, otherwise: 'its old connections were not served' },
      ],
      `${whole.length} requests, none failed; ${toIt.length} on its old connections, 0 new ones until taken back`,
      {
        appliedMs: appliedMs - startMs,
        requests: whole.length,
        failed: failuresOf(whole),
        newWhileDraining: newToIt,
        oldWhileDraining: toIt.length,
      },
    );
  },
};

function drained(scene: Scene) {
  const last = scene.lab.backends.at(-1);
  if (last === undefined || scene.lab.backends.length < 2) throw new Error('draining a backend needs two');
  return last;
}
