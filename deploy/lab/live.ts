// The demo's live numbers: what the last second brought, from the request results and the balancers' own counters.

import type { Scene } from './claims/scene.ts';
import type { Narrator } from './narrator.ts';
import { startedBetween, summarize } from './traffic/summary.ts';

const everyMs = 1_000;

/** Draws the live line once a second until told to stop. */
export function watch(scene: Scene, narrator: Narrator): { stop(): void } {
  let flows: Readonly<Record<string, number>> = {};
  const draw = async () => {
    const now = Date.now();
    const { requests, failed, p50Ms, p99Ms, byBackend } = summarize(
      startedBetween(scene.results(), now - everyMs - 200, now - 200),
    );
    // A balancer that is being killed may not answer this time.
    const newFlows = await scene.newFlows().catch(() => flows);
    const gained = Object.fromEntries(Object.entries(newFlows).map(([id, count]) => [id, count - (flows[id] ?? count)]));
    flows = newFlows;
    narrator.live(
      `${requests} req/s  failed ${failed}  p50 ${p50Ms} ms  p99 ${p99Ms} ms  new flows/s ${list(gained)}  answers/s ${list(byBackend)}`,
    );
  };
  const timer = setInterval(() => void draw(), everyMs);
  return { stop: () => clearInterval(timer) };
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.keys(counts)
    .toSorted()
    .map((id) => `${id} ${counts[id] ?? 0}`)
    .join(' ');
}
