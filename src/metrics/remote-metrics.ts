// The main thread's end of the metrics thread: state and directory go in, the exposition and captures come out as bytes.
//
// Scrapes that arrive while one is being rendered share its answer. A metrics thread that dies of a defect is told to
// `onDeath` and every scrape fails from then on: traffic does not depend on being counted, so the node goes on.

import { Worker } from 'node:worker_threads';
import { RemoteRecorder } from '../capture/remote-recorder.ts';
import type { EngineId } from '../dataplane/addon.ts';
import { ToriiError } from '../errors.ts';
import type { CaptureQuery, RunningCapture } from '../model/capture.ts';
import type { MetricsState } from './sources.ts';
import type { FromMetrics, MetricsWorkerData, RenderReply, ToMetrics } from './worker.ts';

export interface MetricsThreadParams {
  readonly version: string;
  /** Of the packet path; null on a node without one. It must stay open until close() has resolved. */
  readonly engine: EngineId | null;
  readonly onDeath: (error: Error) => void;
}

export interface MetricsThread {
  /** JSON of a MetricsDirectory. Copied: the bytes stay the caller's. */
  setDirectory(json: Uint8Array): void;
  setState(state: MetricsState): void;
  /** Prometheus text, UTF-8. */
  render(): Promise<Uint8Array>;
  /** Device names in the order of start. Rejects with capture_busy, bad_request or not_found. */
  capture(query: CaptureQuery, devices: readonly string[]): Promise<RunningCapture>;
  /** Ends the capture that is under way. */
  endCapture(): void;
  close(): Promise<void>;
}

/** Starts the thread; usable at once, messages queue until it runs. */
export function startMetricsThread({ version, engine, onDeath }: MetricsThreadParams): MetricsThread {
  const workerData: MetricsWorkerData = { version, engine };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { name: 'metrics', workerData });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const send = (message: ToMetrics): void => worker.postMessage(message);
  const recorder = new RemoteRecorder((message) => send({ kind: 'capture', message }));
  let settle: ((reply: RenderReply) => void) | null = null;
  let shared: Promise<Uint8Array> | null = null;
  let isDead = false;

  const fail = (reason: string): void => {
    isDead = true;
    settle?.({ kind: 'failed', reason });
    recorder.fail(ended());
  };
  worker.on('message', (reply: FromMetrics) => (reply.kind === 'capture' ? recorder.take(reply.message) : settle?.(reply)));
  worker.on('error', (error) => {
    fail(error.message);
    onDeath(error);
  });
  worker.on('exit', () => fail('the metrics thread has ended'));

  const ask = (): Promise<Uint8Array> =>
    new Promise<Uint8Array>((resolve, reject) => {
      settle = (reply) => {
        settle = null;
        shared = null;
        if (reply.kind === 'text') resolve(reply.text);
        else reject(new ToriiError('internal', `metrics cannot be rendered: ${reply.reason}`));
      };
      send({ kind: 'render' });
    });

  return {
    setDirectory: (json) => send({ kind: 'directory', json }),
    setState: (state) => send({ kind: 'state', state }),
    render: () => {
      if (isDead) return Promise.reject(new ToriiError('internal', 'metrics cannot be rendered: the metrics thread has ended'));
      shared ??= ask();
      return shared;
    },
    capture: (query, devices) => (isDead ? Promise.reject(ended()) : recorder.start(query, devices)),
    endCapture: () => recorder.stop(),
    async close() {
      send({ kind: 'close' });
      await exited;
    },
  };
}

function ended(): ToriiError {
  return new ToriiError('internal', 'the metrics thread, which captures, has ended');
}
