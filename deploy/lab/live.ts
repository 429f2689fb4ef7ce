// The demo's live numbers: what the last second brought, from the request results and the balancers' own counters.

import type { Scene, StreamName } from './claims/scene.ts';
import type { Narrator } from './narrator.ts';
import { startedBetween, summarize } from './traffic/summary.ts';

type Counts = Readonly<Record<string, number>>;

const everyMs = 1_000;
/** Most requests of the second that ended so long ago have ended, too. */
const lagMs = 200;

/** Draws the live line once a second until told to stop. */
export function watch(scene: Scene, narrator: Narrator): { stop(): void } {
  const { acme, globex } = scene.lab.topology.vips;
  const counters = async () => {
    const [flows, { limited: refused }] = await Promise.all([scene.newFlows(), scene.tenant(acme.tenant)]);
    return { flows, refused };
  };
  let last: Awaited<ReturnType<typeof counters>> | undefined;
  // What the first second is counted from.
  counters().then(
    (first) => {
      last ??= first;
    },
    () => {},
  );
  const draw = async () => {
    const now = Date.now();
    const lastSecond = (...names: readonly StreamName[]) =>
      summarize(startedBetween(scene.results(...names), now - everyMs - lagMs, now - lagMs));
    const { requests, failed, byBackend } = lastSecond();
    // Of the tenant that is never limited: the other's new connections are slow while it is flooded, as its plan says.
    const { p50Ms, p99Ms } = lastSecond('globexNew', 'globexKept');
    const is = await counters();
    const was = last ?? is;
    last = is;
    const gained = Object.fromEntries(Object.entries(is.flows).map(([id, count]) => [id, since(was.flows[id] ?? 0, count)]));
    const flood = is.refused > was.refused ? `  ${acme.tenant} SYNs refused/s ${is.refused - was.refused}` : '';
    narrator.live(
      `${requests} req/s  failed ${failed}  ${globex.tenant} p50 ${p50Ms} ms p99 ${p99Ms} ms  new flows/s ${list(gained)}  answers/s ${list(byBackend)}${flood}`,
    );
  };
  // A balancer that is just being killed may not answer; the next second shows the rest again.
  const timer = setInterval(() => void draw().catch(() => {}), everyMs);
  return { stop: () => clearInterval(timer) };
}

/** A balancer that was started anew counts from 0. */
function since(before: number, count: number): number {
  return count < before ? count : count - before;
}

function list(counts: Counts): string {
  return Object.keys(counts)
    .toSorted()
    .map((id) => `${id} ${counts[id] ?? 0}`)
    .join(' ');
}
