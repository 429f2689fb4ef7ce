// One backend: Debian's HAProxy in front of an origin, and `torii host`, which makes the machine take Torii's packets.
//
// HAProxy hands the address it saw the client at, and the address the client asked for, to the origin in headers that
// it sets itself, so that a client cannot forge the proof.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ToriiError } from '../../src/errors.ts';
import type { Ledger, ProcessRecord } from './ledger.ts';
import { isAlive, logFile, logTail, recordPidFile, signal, startProgram } from './processes.ts';
import { builtFile } from './programs.ts';
import { run } from './shell.ts';
import type { LabNode, Topology } from './topology.ts';
import { until } from './until.ts';

const originPort = 8080;
/** Ends only what hangs: a busy machine takes its time. */
const readyMs = 45_000;

function haproxyConfig(topology: Topology): string {
  const ports = new Set(Object.values(topology.vips).map((vip) => vip.port));
  return `global
  maxconn 8000
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout http-request 10s
  timeout http-keep-alive 60s
frontend vips
${[...ports].map((port) => `  bind :${port}\n  bind :::${port} v6only`).join('\n')}
  http-request set-header X-Client-Address %[src]
  http-request set-header X-Vip %[dst]:%[dst_port]
  default_backend origin
backend origin
  server origin 127.0.0.1:${originPort}
`;
}

export class LabBackend {
  readonly node: LabNode;
  readonly #topology: Topology;
  readonly #ledger: Ledger;
  /** Prefixes that the document makes local. */
  readonly #vips: readonly string[];

  constructor(topology: Topology, ledger: Ledger, node: LabNode, vips: readonly string[]) {
    this.node = node;
    this.#topology = topology;
    this.#ledger = ledger;
    this.#vips = vips;
  }

  get id(): string {
    return this.node.id;
  }

  /** Starts origin, HAProxy and host agent; returns once HAProxy is bound and the origin and the agent said so. */
  async start(): Promise<void> {
    await Promise.all([this.startService(), this.startAgent()]);
  }

  /** Origin and HAProxy alone: what the machine would run without Torii. */
  async startService(): Promise<void> {
    await Promise.all([this.#startOrigin(), this.startProxy()]);
  }

  async startProxy(): Promise<void> {
    const config = this.#path('haproxy.cfg');
    const pidFile = this.#path('haproxy.pid');
    writeFileSync(config, haproxyConfig(this.#topology));
    rmSync(pidFile, { force: true });
    // -D: exits 0 once the sockets are bound, so a port in use is an error here and not a mystery later.
    await run(['haproxy', '-D', '-f', config, '-p', pidFile], { namespace: this.node.namespace });
    await recordPidFile(this.#ledger, `${this.id}-haproxy`, pidFile);
  }

  async startAgent(): Promise<void> {
    const id = `${this.id}-agent`;
    const agent = await startProgram(this.#ledger, {
      id,
      namespace: this.node.namespace,
      argv: [process.execPath, builtFile('src/main.js'), 'host', '--config', join(this.#topology.directory, `${this.id}.yaml`)],
      env: { STATE_DIRECTORY: this.#path('state') },
    });
    const isReadyOrEnded = async () => {
      if (!isAlive(agent)) return true;
      const local = await this.#local();
      return this.#vips.every((vip) => local.includes(` ${vip} `));
    };
    await until(isReadyOrEnded, { what: id, timeoutMs: readyMs }).catch((cause: unknown) => {
      throw new ToriiError('not_ready', `${id} did not get ready; its log ends with:\n${logTail(this.#ledger, id)}`, { cause });
    });
    if (!isAlive(agent)) throw new ToriiError('internal', `${id} ended:\n${logTail(this.#ledger, id)}`);
  }

  /** The machine's service dies at once: SIGKILL, open connections are reset by its kernel. */
  async killProxy(): Promise<void> {
    const proxies = this.#processes('haproxy');
    for (const proxy of proxies) signal(proxy, 'SIGKILL');
    await until(() => !proxies.some(isAlive), { what: `HAProxy of ${this.id} to be gone`, timeoutMs: 2_000, everyMs: 2 });
  }

  isServing(): boolean {
    return this.#processes('haproxy').some(isAlive);
  }

  async #startOrigin(): Promise<void> {
    const id = `${this.id}-origin`;
    await startProgram(this.#ledger, {
      id,
      namespace: this.node.namespace,
      argv: [process.execPath, builtFile('deploy/lab/origin.js'), this.id, `${originPort}`],
    });
    await until(() => readFileSync(logFile(this.#ledger, id), 'utf8').includes('ready'), {
      what: `the origin of ${this.id}`,
      timeoutMs: readyMs,
    });
  }

  /** Addresses and local routes, as text: a prefix VIP is a route. */
  async #local(): Promise<string> {
    const words = [['-o', 'addr', 'show'], ...['-4', '-6'].map((family) => [family, 'route', 'show', 'table', 'local'])];
    const texts = words.map(async (each) => await run(['ip', ...each], { namespace: this.node.namespace }));
    return (await Promise.all(texts)).join('');
  }

  #processes(program: string): readonly ProcessRecord[] {
    return this.#ledger.processes().filter(({ id }) => id === `${this.id}-${program}`);
  }

  #path(name: string): string {
    return join(this.#topology.directory, `${this.id}-${name}`);
  }
}
