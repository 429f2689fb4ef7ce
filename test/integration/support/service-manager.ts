// What systemd does with a balancer of Type=notify and WatchdogSec=, for tests: hears its messages, ends it when the watchdog starves,
// and starts it again.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { buildNative, native } from '../../support/native-build.ts';

export class ServiceManager {
  /** What has come, oldest first: "READY=1", "WATCHDOG=1" …, and "STARVED" where that stayed away for too long. */
  readonly heard: string[] = [];
  readonly #listener: ChildProcess;
  readonly #socket: string;
  readonly #limitMs: number;
  readonly #waiting = new Set<() => void>();

  private constructor(listener: ChildProcess, socket: string, limitMs: number) {
    this.#listener = listener;
    this.#socket = socket;
    this.#limitMs = limitMs;
  }

  static async listen(socket: string, limitMs: number): Promise<ServiceManager> {
    buildNative('build/test/notify_manager');
    const program = `${native}/build/test/notify_manager`;
    const listener = spawn(program, [socket, String(limitMs)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const manager = new ServiceManager(listener, socket, limitMs);
    if (listener.stdout === null) throw new Error('no output of the listener');
    createInterface(listener.stdout).on('line', (line) => {
      manager.heard.push(line);
      for (const wake of manager.#waiting) wake();
    });
    await manager.hears('listening');
    return manager;
  }

  /** What the service's process needs. */
  get environment(): NodeJS.ProcessEnv {
    return { NOTIFY_SOCKET: this.#socket, WATCHDOG_USEC: String(this.#limitMs * 1000) };
  }

  /** Waits for the message; those that came before `from` (an index of `heard`) do not count. */
  async hears(message: string, from = 0): Promise<void> {
    while (!this.heard.includes(message, from)) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  async close(): Promise<void> {
    const ended = once(this.#listener, 'exit');
    this.#listener.stdin?.end();
    await ended;
  }
}
