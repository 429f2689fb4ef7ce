// The main thread's end of the checks thread: passes targets in, health changes out.
//
// Targets arrive as encoded JSON, made in the config worker, and are handed on without being read: at thousands of
// backends parsing them would block this loop. A checks thread that dies of a defect ends the process (an unhandled
// 'error' event): without health the node must not go on announcing, and routers notice a closed session at once.

import { Worker } from 'node:worker_threads';
import type { CheckStats, ChecksLog, HealthChange } from './check.ts';
import type { FromChecks, ToChecks } from './worker.ts';

export interface ChecksThreadParams {
  readonly onChanges: (changes: readonly HealthChange[]) => void;
  readonly onLog: (entry: ChecksLog) => void;
}

export interface ChecksThread {
  /** JSON of the whole HealthTarget[]. Takes ownership: the buffer is transferred and unusable afterwards. */
  setEncoded(json: Uint8Array<ArrayBuffer>): void;
  stats(): Promise<readonly CheckStats[]>;
  /** No change is reported after it was called. */
  close(): Promise<void>;
}

/** Starts the thread; usable at once, messages queue until it runs. */
export function startChecksThread({ onChanges, onLog }: ChecksThreadParams): ChecksThread {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { name: 'checks' });
  const waiting = new Map<number, (rows: readonly CheckStats[]) => void>();
  let nextId = 1;
  let isClosed = false;
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const send = (message: ToChecks, transfer: readonly ArrayBuffer[] = []) => worker.postMessage(message, transfer);

  worker.on('message', (message: FromChecks) => {
    if (message.kind === 'stats') {
      waiting.get(message.id)?.(message.rows);
      waiting.delete(message.id);
    } else if (isClosed) return;
    else if (message.kind === 'changes') onChanges(message.changes);
    else onLog(message.entry);
  });

  return {
    setEncoded(json) {
      // A slice of a pooled Buffer must not take its neighbours along: transfer only what is wholly ours.
      const own = json.byteLength === json.buffer.byteLength ? json : json.slice();
      send({ kind: 'set', json: own }, [own.buffer]);
    },
    stats() {
      if (isClosed) return Promise.resolve([]);
      return new Promise((resolve) => {
        const id = nextId++;
        waiting.set(id, resolve);
        send({ kind: 'stats', id });
      });
    },
    async close() {
      isClosed = true;
      send({ kind: 'close' });
      await exited;
      for (const resolve of waiting.values()) resolve([]);
    },
  };
}
