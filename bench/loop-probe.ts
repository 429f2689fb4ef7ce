// Preloaded into a daemon that is measured (node --import): writes down how late its main thread's event loop was, a line per
// tenth of a second in which it was late at all. A loop is late by its own work, and while others have the processor: the
// kernel says for how long that was (schedstat), so that the two are told apart, from look to look.

import { appendFileSync, openSync, readSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

export const loopDelaysFile = 'TORII_LOOP_DELAYS';

export interface LoopDelay {
  /** Unix time. */
  readonly atMs: number;
  /** At most, within the period. */
  readonly lateMs: number;
  /** At most, less what was spent waiting for a processor. */
  readonly busyMs: number;
}

const lookEveryMs = 2;
const periodMs = 100;
const worthTellingMs = 1;

function follow(file: string): void {
  const waited = waitedMsSoFar();
  let last = { atMs: performance.now(), waitedMs: waited() };
  let worst = { lateMs: 0, busyMs: 0 };
  setInterval(() => {
    const now = { atMs: performance.now(), waitedMs: waited() };
    const lateMs = now.atMs - last.atMs - lookEveryMs;
    const busyMs = lateMs - (now.waitedMs - last.waitedMs);
    worst = { lateMs: Math.max(worst.lateMs, lateMs), busyMs: Math.max(worst.busyMs, busyMs) };
    last = now;
  }, lookEveryMs).unref();
  setInterval(() => {
    const delay: LoopDelay = { atMs: Date.now(), ...worst };
    if (worst.lateMs >= worthTellingMs) appendFileSync(file, `${JSON.stringify(delay)}\n`);
    worst = { lateMs: 0, busyMs: 0 };
  }, periodMs).unref();
}

/** Second word of schedstat: nanoseconds on a run queue. */
function waitedMsSoFar(): () => number {
  const file = openSync('/proc/thread-self/schedstat', 'r');
  const text = Buffer.alloc(128);
  return () => Number(text.toString('latin1', 0, readSync(file, text, 0, text.length, 0)).split(' ')[1]) / 1e6;
}

const file = process.env[loopDelaysFile];
if (isMainThread && file !== undefined) follow(file);
