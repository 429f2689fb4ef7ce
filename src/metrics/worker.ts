// Entry of the metrics thread: an Exposition behind a message port. It loads the addon for itself, since a view of native
// memory cannot be handed from thread to thread. The other end is remote-metrics.ts.

import { parentPort, workerData } from 'node:worker_threads';
import { type EngineId, loadDataplaneAddon } from '../dataplane/addon.ts';
import { Counters } from '../dataplane/counters.ts';
import { messageOf } from '../errors.ts';
import { layoutVersion } from '../steering/layout.ts';
import { Exposition } from './exposition.ts';
import type { MetricsDirectory, MetricsState } from './sources.ts';

export interface MetricsWorkerData {
  readonly version: string;
  /** Null on a node without a packet path; then no addon is loaded. */
  readonly engine: EngineId | null;
}

export type ToMetrics =
  /** JSON of a MetricsDirectory. */
  | { readonly kind: 'directory'; readonly json: Uint8Array }
  | { readonly kind: 'state'; readonly state: MetricsState }
  | { readonly kind: 'render' }
  | { readonly kind: 'close' };

/** One answer to each render, in order; the other end never asks twice at a time. */
export type FromMetrics =
  | { readonly kind: 'text'; readonly text: Uint8Array }
  | { readonly kind: 'failed'; readonly reason: string };

const port = parentPort;
if (port === null) throw new Error('metrics/worker runs as a worker thread only');

const { version, engine } = workerData as MetricsWorkerData;
const counters = engine === null ? null : new Counters(loadDataplaneAddon(), engine);
const exposition = new Exposition({ version, layoutVersion, counters, now: () => performance.now() });

async function answer(): Promise<FromMetrics> {
  try {
    return { kind: 'text', text: new TextEncoder().encode(await exposition.text()) };
  } catch (error) {
    return { kind: 'failed', reason: messageOf(error) };
  }
}

port.on('message', (message: ToMetrics) => {
  if (message.kind === 'directory') exposition.setDirectory(JSON.parse(Buffer.from(message.json).toString()) as MetricsDirectory);
  else if (message.kind === 'state') exposition.setState(message.state);
  else if (message.kind === 'render') void answer().then((reply) => port.postMessage(reply));
  else port.close();
});
