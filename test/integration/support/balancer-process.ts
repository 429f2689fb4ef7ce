// `torii balancer` as a process of its own, for tests that meet it as its operator and its routers do: signals, what it says,
// how it ends. killBalancers() leaves none behind, whether it ever started or has ended since.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const balancerProgram = fileURLToPath(new URL('../../../dist/src/main.js', import.meta.url));

export interface BalancerParams {
  /** Path of the document. */
  readonly config: string;
  readonly stateDir: string;
  /** Who runs it, where that is not who tests it. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

const running = new Set<BalancerProcess>();

export async function killBalancers(): Promise<void> {
  await Promise.all([...running].map((each) => each.end('SIGKILL')));
}

export class BalancerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #output = '';

  constructor({ config, stateDir, user }: BalancerParams) {
    const child = spawn(process.execPath, [balancerProgram, 'balancer', '--config', config], {
      env: { PATH: process.env['PATH'], STATE_DIRECTORY: stateDir },
      stdio: ['ignore', 'ignore', 'pipe'],
      ...user,
    });
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    running.add(this);
    this.#ended = new Promise((resolve) => {
      // A process that could not be made has no exit, only an error.
      child.once('error', (error) => {
        this.#output += error.message;
        resolve(null);
      });
      child.once('close', resolve);
    });
    void this.#ended.then(() => running.delete(this));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** All it has said so far. */
  get output(): string {
    return this.#output;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Its exit code; null where a signal ended it. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  end(name: NodeJS.Signals): Promise<number | null> {
    this.signal(name);
    return this.#ended;
  }

  /** Rejects with what it said, should it end before the work is done. */
  async during<T>(work: Promise<T>): Promise<T> {
    const died = this.#ended.then((code) => {
      throw new Error(`the balancer ended with ${code}; it said: ${this.#output}`);
    });
    return Promise.race([work, died]);
  }
}
