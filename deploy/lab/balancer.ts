// One balancer: a namespace whose only program is `torii balancer`, and what the lab asks of its API.

import { join } from 'node:path';
import { ToriiError } from '../../src/errors.ts';
import type { ReadView, Resource } from '../../src/model/views.ts';
import { callApi } from './api-client.ts';
import { apiSocket } from './documents.ts';
import type { Ledger, ProcessRecord } from './ledger.ts';
import { endAll, isAlive, logTail, signal, startProgram } from './processes.ts';
import { builtFile } from './programs.ts';
import type { LabNode, Topology } from './topology.ts';
import { until } from './until.ts';

export class LabBalancer {
  readonly node: LabNode;
  readonly socket: string;
  readonly #topology: Topology;
  readonly #ledger: Ledger;

  constructor(topology: Topology, ledger: Ledger, node: LabNode) {
    this.node = node;
    this.socket = apiSocket(topology, node);
    this.#topology = topology;
    this.#ledger = ledger;
  }

  get id(): string {
    return this.node.id;
  }

  documentFile(): string {
    return join(this.#topology.directory, `${this.id}.yaml`);
  }

  /**
   * Returns once the daemon says that a document is applied on every worker. Routes follow; await them separately. `through` is a
   * command that runs it, as `taskset -c 1`.
   */
  async start(env: NodeJS.ProcessEnv = {}, through: readonly string[] = []): Promise<void> {
    await startProgram(this.#ledger, {
      id: this.id,
      namespace: this.node.namespace,
      argv: [...through, process.execPath, builtFile('src/main.js'), 'balancer', '--config', this.documentFile()],
      env: { ...env, STATE_DIRECTORY: join(this.#topology.directory, `${this.id}-state`) },
    });
    await until(() => this.#isReadyOrEnded(), { what: `${this.id} to be ready`, timeoutMs: 45_000 }).catch((error: unknown) => {
      throw new ToriiError('not_ready', `${this.id} did not get ready; its log ends with:\n${logTail(this.#ledger, this.id)}`, {
        cause: error,
      });
    });
    if (!this.isAlive()) throw new ToriiError('internal', `${this.id} ended:\n${logTail(this.#ledger, this.id)}`);
  }

  isAlive(): boolean {
    return this.#processes().some(isAlive);
  }

  /** Of the running daemon; throws when there is none. */
  pid(): number {
    const live = this.#processes().find(isAlive);
    if (live === undefined) throw new ToriiError('internal', `${this.id} does not run`);
    return live.pid;
  }

  /** SIGKILL; returns when the process is gone. */
  async kill(): Promise<void> {
    const processes = this.#processes();
    for (const process of processes) signal(process, 'SIGKILL');
    await until(() => !processes.some(isAlive), { what: `${this.id} to be gone`, timeoutMs: 2_000, everyMs: 1 });
  }

  /** SIGTERM: it withdraws, drains and ends. */
  async stop(graceMs = 10_000): Promise<void> {
    await endAll(this.#processes(), graceMs);
  }

  signal(name: NodeJS.Signals): void {
    for (const process of this.#processes()) signal(process, name);
  }

  reload(): void {
    this.signal('SIGHUP');
  }

  /** The operator's word: on withdraws every VIP of the node. */
  async maintain(maintenance: boolean): Promise<void> {
    await callApi({ socket: this.socket, path: '/v1/node', method: 'PATCH', body: { maintenance, why: 'lab' } });
  }

  async read<R extends Resource>(resource: R): Promise<ReadView[R]> {
    return await callApi<ReadView[R]>({ socket: this.socket, path: `/v1/${resource}` });
  }

  async #isReadyOrEnded(): Promise<boolean> {
    if (!this.isAlive()) return true;
    await callApi({ socket: this.socket, path: '/readyz' });
    return true;
  }

  #processes(): readonly ProcessRecord[] {
    return this.#ledger.processes().filter(({ id }) => id === this.id);
  }
}
