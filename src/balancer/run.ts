// The life of a balancer process: start, signals, end. SIGHUP reloads; SIGTERM and SIGINT leave gracefully, a second one
// ends the process at once, with the shell's status for it: routers see their sessions close. Main thread.

import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { ToriiError } from '../errors.ts';
import { Balancer } from './balancer.ts';

export interface RunBalancerOptions {
  readonly config: string;
  readonly version: string;
}

/** Resolves after an orderly end. Rejects when the node cannot start, or when a part that it cannot do without dies. */
export async function runBalancer(options: RunBalancerOptions): Promise<void> {
  let fail = (_error: ToriiError): void => undefined;
  const fatal = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const balancer = new Balancer({ ...options, onFatal: (error) => fail(error) });
  const asked = new Promise<void>((resolve) => {
    let count = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (++count > 1) process.exit(128 + constants.signals[signal]);
        resolve();
      });
    }
  });
  process.on('SIGHUP', () => void balancer.reload('SIGHUP'));
  try {
    await Promise.race([fatal, balancer.start()]);
    await Promise.race([fatal, asked]);
  } catch (error) {
    // Sessions close with the process, whatever state the rest is in.
    await Promise.race([balancer.stop(false), delay(2000, undefined, { ref: false })]);
    throw error;
  }
  await balancer.stop(true);
}
