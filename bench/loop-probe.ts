// Preloaded into a daemon that is measured (node --import): writes down how late its main thread's event loop was, a line per
// tenth of a second in which it was late at all. A loop is late by its own work, and while others have the processor: the
// kernel says for how long that was (schedstat), so that the two can be told apart.

import { appendFileSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

export const loopDelaysFile = 'TORII_LOOP_DELAYS';

export interface LoopDelay {
  /** Unix time. */
  readonly atMs: number;
  /** At most, within the period. */
  readonly lateMs: number;
  /** Ready to run but without a processor, over the whole period. */
  readonly waitedMs: number;
}

const resolutionMs = 2;
const periodMs = 100;
const worthTellingMs = 1;

function follow(file: string): void {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let waited = waitedMsSoFar();
  setInterval(() => {
    const lateMs = histogram.max / 1e6 - resolutionMs;
    histogram.reset();
    const before = waited;
    waited = waitedMsSoFar();
    const delay: LoopDelay = { atMs: Date.now(), lateMs, waitedMs: waited - before };
    if (lateMs >= worthTellingMs) appendFileSync(file, `${JSON.stringify(delay)}\n`);
  }, periodMs).unref();
}

/** Second word of schedstat: nanoseconds on a run queue. */
function waitedMsSoFar(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[1]) / 1e6;
}

const file = process.env[loopDelaysFile];
if (isMainThread && file !== undefined) follow(file);
