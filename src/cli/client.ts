// The CLI's HTTP client: one torii, over its Unix socket or a TCP port. Every failure is a ToriiError that says what to
// do next; an error the node answers keeps its code, so that the exit code is the one of the error table.

import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { isErrorCode, messageOf, ToriiError } from '../errors.ts';
import { operatorHeader } from '../model/operator.ts';
import type { ReadView, Resource } from '../model/views.ts';
import { CliFailure, refusal } from './failure.ts';

export const defaultApi = '/run/torii/api.sock';

const socketStep = 'run as root, or as a member of group torii (usermod -aG torii USER, then log in again)';

type Where = { readonly socketPath: string } | { readonly host: string; readonly port: string };

interface Body {
  readonly method: 'PATCH' | 'POST';
  readonly json: unknown;
  readonly ifRevision: number | null;
}

export class Client {
  /** As the user wrote it; names the node in messages. */
  readonly api: string;
  readonly #where: Where;
  readonly #operator: string;

  constructor(api: string, operator: string) {
    this.api = api;
    this.#where = parseApi(api);
    this.#operator = operator;
  }

  /** The JSON of a resource as it came. */
  async bytes(path: string): Promise<Buffer> {
    return this.#ask(path, { method: 'GET', timeout: 10_000 });
  }

  async json<T>(path: string): Promise<T> {
    return JSON.parse((await this.bytes(path)).toString()) as T;
  }

  async read<R extends Resource>(resource: R): Promise<ReadView[R]> {
    return this.json<ReadView[R]>(`/v1/${resource}`);
  }

  async send<T>(path: string, { method, json, ifRevision }: Body): Promise<T> {
    const headers: Record<string, string> = { 'content-type': 'application/json', [operatorHeader]: this.#operator };
    if (ifRevision !== null) headers['if-match'] = `"${ifRevision}"`;
    const answer = await this.#ask(path, { method, headers, timeout: 60_000 }, JSON.stringify(json));
    return JSON.parse(answer.toString()) as T;
  }

  /** An answer that comes bit by bit, for as long as it takes; one that fails is thrown as any other. */
  stream(path: string, json: unknown): Promise<IncomingMessage> {
    const headers = { 'content-type': 'application/json', [operatorHeader]: this.#operator };
    return new Promise((resolve, reject) => {
      const options = { ...this.#where, path, agent: false, method: 'POST', headers, timeout: 60_000 };
      const outgoing = request(options, (answer) => {
        const status = answer.statusCode ?? 0;
        if (status === 200) return resolve(answer);
        const refuse = (bytes: Buffer): void => reject(this.#refusal(status, bytes));
        collect(answer).then(refuse, (error: unknown) => reject(this.#unreachable(error)));
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('nothing came for a minute')));
      outgoing.on('error', (error) => reject(this.#unreachable(error)));
      outgoing.end(JSON.stringify(json));
    });
  }

  #ask(path: string, options: RequestOptions, body?: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ ...this.#where, path, agent: false, ...options }, (answer) => {
        collect(answer).then(
          (bytes) => {
            const status = answer.statusCode ?? 0;
            if (status >= 200 && status < 300) resolve(bytes);
            else reject(this.#refusal(status, bytes));
          },
          (error: unknown) => reject(this.#unreachable(error)),
        );
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
      outgoing.on('error', (error) => reject(this.#unreachable(error)));
      outgoing.end(body);
    });
  }

  #refusal(status: number, bytes: Buffer): ToriiError {
    try {
      const { error } = JSON.parse(bytes.toString()) as { error: { code: string; message: string; detail: unknown } };
      if (isErrorCode(error.code)) return refusal(error.code, error.message, error.detail);
    } catch {
      // Not our error shape: something else listens there.
    }
    return new ToriiError('api_unreachable', `expected a torii at ${this.api}, got HTTP status ${status} from something else`);
  }

  #unreachable(error: unknown): ToriiError {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') {
      return new CliFailure('no_privilege', `no permission to open ${this.api}`, { next: socketStep });
    }
    return new ToriiError('api_unreachable', `no torii answers at ${this.api}: ${messageOf(error)}`, { cause: error });
  }
}

/** "/run/torii/api.sock", "run/api.sock", "unix:api.sock", "127.0.0.1:8470", "http://[::1]:8470". */
export function parseApi(text: string): Where {
  if (/^unix:./.test(text)) return { socketPath: text.slice('unix:'.length) };
  const match = /^(?:http:\/\/)?(?:\[([^\]]+)\]|([^/:[\]]+)):(\d{1,5})\/?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined && text.includes('/') && !text.includes('://')) return { socketPath: text };
  if (host === undefined || Number(match?.[3]) > 65535) {
    throw new ToriiError('usage', `--api: expected a socket's path or HOST:PORT like 127.0.0.1:8470, got ${text}`);
  }
  return { host, port: match?.[3] ?? '' };
}

async function collect(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
