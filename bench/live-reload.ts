// One change on the live bed, timed from the document's replacement, or from an operator's request, to the moment at which
// GET /v1/status says that every worker has adopted it; and the quiet before the next one.

import { setTimeout as delay } from 'node:timers/promises';
import { callApi } from '../deploy/lab/api-client.ts';
import { until } from '../deploy/lab/until.ts';
import { graceMs } from '../src/control/planner.ts';
import { ToriiError } from '../src/errors.ts';
import type { StatusView } from '../src/model/views.ts';
import type { DocumentSize, Edition } from './documents.ts';
import type { LiveBed } from './live-bed.ts';

const patienceMs = 30_000;

/** Milliseconds. The node must be settled before: what it was still doing would count for the document. */
export async function reloadOnce(bed: LiveBed, size: DocumentSize, edition: Edition): Promise<number> {
  const before = await bed.balancer.read('status');
  const replacedMs = bed.replaceDocument(size, edition);
  const after = await awaitStatus(bed, 'the new document to be in force', (status) => {
    if (status.lastError !== null) throw new ToriiError('internal', `the document was refused: ${status.lastError.message}`);
    return status.revision > before.revision && status.generation > before.generation;
  });
  return appliedMs(after) - replacedMs;
}

/** As `torii drain` and `torii undrain` (null) say it. Milliseconds; the node must be quiet before. */
export async function sayOnce(bed: LiveBed, backend: string, state: 'draining' | null): Promise<number> {
  const path = `/v1/backends/${encodeURIComponent(backend)}`;
  const askedMs = Date.now();
  await callApi({ socket: bed.balancer.socket, path, method: 'PATCH', body: { state, why: 'benchmark' }, timeoutMs: patienceMs });
  return appliedMs(await bed.balancer.read('status')) - askedMs;
}

/** Waits until every backend of the document in force is used, the tables have forgotten what left it, and nothing changes any more. */
export async function settled(bed: LiveBed): Promise<void> {
  await awaitStatus(bed, 'every backend to be usable', ({ backends }) => backends.usable === backends.total);
  await quiet(bed);
}

/** Waits until nothing changes any more. */
export async function quiet(bed: LiveBed): Promise<void> {
  const quietMs = graceMs + 300;
  let { generation } = await bed.balancer.read('status');
  for (;;) {
    await delay(quietMs);
    const { generation: now } = await bed.balancer.read('status');
    if (now === generation) return;
    generation = now;
  }
}

/** When something came into force is the status's to say, so that looking seldom measures as well, and holds up nobody. */
async function awaitStatus(bed: LiveBed, what: string, holds: (status: StatusView) => boolean): Promise<StatusView> {
  const look = async (): Promise<StatusView | false> => {
    const status = await bed.balancer.read('status');
    return holds(status) && status;
  };
  return await until(look, { what, timeoutMs: patienceMs, everyMs: 100 });
}

function appliedMs({ appliedAt }: StatusView): number {
  return appliedAt === null ? 0 : Date.parse(appliedAt);
}
