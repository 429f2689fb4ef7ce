// Pauses of the machine during a soak, by a process of real-time priority that only sleeps. They tell a session that the machine
// let down (a hypervisor that runs others, a kernel that cannot be preempted) from one that a program let down.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { environment } from '../deploy/lab/shell.ts';

export interface Stall {
  /** When it was over. Unix time. */
  readonly atMs: number;
  readonly longMs: number;
}

const program = new URL('stall-probe.js', import.meta.url).pathname;
/** BFD has the lowest, 1. */
const priority = '2';

export class StallWatch {
  readonly #probe: ChildProcessByStdio<Writable, Readable, null>;
  readonly #stalls: Stall[] = [];
  #isWatching = false;

  private constructor(probe: ChildProcessByStdio<Writable, Readable, null>) {
    this.#probe = probe;
    createInterface({ input: probe.stdout }).on('line', (line) => {
      this.#isWatching = true;
      this.#stalls.push(JSON.parse(line) as Stall);
    });
  }

  /** Resolves once it watches. */
  static async start(): Promise<StallWatch> {
    const argv = ['--rr', priority, process.execPath, program];
    const probe = spawn('chrt', argv, { stdio: ['pipe', 'pipe', 'inherit'], env: environment });
    const watch = new StallWatch(probe);
    await Promise.race([once(probe.stdout, 'data'), once(probe, 'exit')]);
    return watch;
  }

  /** Null where it could not watch: real-time priority was refused. */
  async stop(): Promise<readonly Stall[] | null> {
    if (this.#probe.exitCode === null) {
      const ended = once(this.#probe, 'close');
      this.#probe.stdin.end();
      await ended;
    }
    return this.#isWatching ? this.#stalls : null;
  }
}

/** What came at `atMs` may come of this: a detection that ends late in it or soon after it. */
export function isNear({ atMs: endMs, longMs }: Stall, atMs: number, afterMs: number): boolean {
  return atMs >= endMs - longMs && atMs <= endMs + afterMs;
}
