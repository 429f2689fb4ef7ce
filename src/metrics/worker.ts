// Entry of the metrics thread: an Exposition and a Recorder of captures behind a message port. It loads the addon for itself, since a view of native
// memory cannot be handed from thread to thread. The other end is remote-metrics.ts.

import { parentPort, workerData } from 'node:worker_threads';
import { namesOf } from '../capture/names.ts';
import { type FromRecorder, Recorder, type ToRecorder } from '../capture/recorder.ts';
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
  | { readonly kind: 'capture'; readonly message: ToRecorder }
  | { readonly kind: 'close' };

/** One answer to each render, in order; the other end never asks twice at a time. */
export type RenderReply =
  | { readonly kind: 'text'; readonly text: Uint8Array }
  | { readonly kind: 'failed'; readonly reason: string };

export type FromMetrics = RenderReply | { readonly kind: 'capture'; readonly message: FromRecorder };

const port = parentPort;
if (port === null) throw new Error('metrics/worker runs as a worker thread only');

const { version, engine } = workerData as MetricsWorkerData;
const addon = engine === null ? null : loadDataplaneAddon();
const counters = engine === null || addon === null ? null : new Counters(addon, engine);
const exposition = new Exposition({ version, layoutVersion, counters, now: () => performance.now() });
const recorder = engine === null || addon === null ? null : new Recorder({ addon, engine, version, send: sendCapture });

function sendCapture(message: FromRecorder): void {
  const reply: FromMetrics = { kind: 'capture', message };
  port?.postMessage(reply, message.kind === 'bytes' ? [message.bytes.buffer] : []);
}

async function answer(): Promise<RenderReply> {
  try {
    return { kind: 'text', text: new TextEncoder().encode(await exposition.text()) };
  } catch (error) {
    return { kind: 'failed', reason: messageOf(error) };
  }
}

function takeDirectory(json: Uint8Array): void {
  const directory = JSON.parse(Buffer.from(json).toString()) as MetricsDirectory;
  exposition.setDirectory(directory);
  recorder?.setNames(namesOf(directory));
}

function takeCapture(message: ToRecorder): void {
  if (recorder !== null) recorder.take(message);
  else if (message.kind === 'start') {
    const words = 'this node forwards nothing: node.devices is empty';
    sendCapture({ kind: 'refused', id: message.id, code: 'not_found', message: words });
  }
}

port.on('message', (message: ToMetrics) => {
  switch (message.kind) {
    case 'directory':
      return takeDirectory(message.json);
    case 'state':
      return exposition.setState(message.state);
    case 'render':
      return void answer().then((reply) => port.postMessage(reply));
    case 'capture':
      return takeCapture(message.message);
    case 'close':
      recorder?.close();
      return port.close();
  }
});
