// A running API over a MemoryNode on a temporary socket and a free port, and a bare HTTP client for it.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { AuditEntry } from '../../../src/api/context.ts';
import { type Api, startApi } from '../../../src/api/server.ts';
import { MemoryNode } from './memory-node.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

interface HarnessParts {
  readonly directory: string;
  readonly node: MemoryNode;
  readonly audited: AuditEntry[];
  readonly errors: readonly string[];
  readonly api: Api;
}

export class Harness {
  readonly node = new MemoryNode();
  readonly audited: AuditEntry[] = [];
  /** Lines of the log, from level error on. */
  readonly errors: readonly string[];
  readonly #directory: string;
  readonly #api: Api;

  constructor({ directory, node, audited, errors, api }: HarnessParts) {
    this.#directory = directory;
    this.#api = api;
    this.node = node;
    this.audited = audited;
    this.errors = errors;
  }

  get socket(): string {
    return this.#api.addresses[0] ?? '';
  }

  get tcp(): string {
    return this.#api.addresses[1] ?? '';
  }

  ask(path: string, options: Ask = {}): Promise<Answer> {
    return ask({ socketPath: this.socket }, path, options);
  }

  askTcp(path: string, options: Ask = {}): Promise<Answer> {
    const [host = '', port = ''] = this.tcp.split(':');
    return ask({ host, port }, path, options);
  }

  /** An open connection to the port. What it is sent is read and lost. */
  connectTcp(): Promise<Socket> {
    const [host = '', port = ''] = this.tcp.split(':');
    const socket = connect({ host, port: Number(port) });
    socket.on('error', () => undefined).resume();
    return new Promise((resolve) => {
      socket.once('connect', () => resolve(socket));
    });
  }

  /** All that comes back when these bytes go to the port. */
  async converse(bytes: string): Promise<string> {
    const socket = await this.connectTcp();
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.write(bytes);
    await once(socket, 'close');
    return text;
  }

  async close(): Promise<void> {
    await this.#api.close();
    await rm(this.#directory, { recursive: true });
  }
}

export async function startHarness(): Promise<Harness> {
  const directory = await mkdtemp(join(tmpdir(), 'torii-api-'));
  const node = new MemoryNode();
  const audited: AuditEntry[] = [];
  const errors: string[] = [];
  const api = await startApi({
    control: node,
    listen: { address: '127.0.0.1', port: 0 },
    socket: join(directory, 'api.sock'),
    audit: (entry) => audited.push(entry),
    logger: pino({ level: 'error' }, { write: (line) => errors.push(line) }),
    version: '0.1.0',
  });
  return new Harness({ directory, node, audited, errors, api });
}

type Where = { readonly socketPath: string } | { readonly host: string; readonly port: string };

function ask(where: Where, path: string, { method = 'GET', headers = {}, body }: Ask): Promise<Answer> {
  const json = body === undefined ? undefined : JSON.stringify(body);
  const type: Record<string, string> = json === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...where, path, method, agent: false, headers: { ...type, ...headers } }, (answer) => {
      answer.setEncoding('utf8');
      let text = '';
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
    });
    outgoing.on('error', reject);
    outgoing.end(json);
  });
}
