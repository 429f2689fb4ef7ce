// Asks a node's REST API over its Unix socket, which works from outside the node's namespace.

import { request } from 'node:http';
import { ToriiError } from '../../src/errors.ts';

export interface ApiRequest {
  readonly socket: string;
  readonly path: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** The JSON of an answer with a 2xx status; anything else throws. */
export async function callApi<T>(call: ApiRequest): Promise<T> {
  const { status, text } = await exchange(call);
  if (status < 200 || status > 299) {
    throw new ToriiError('api_unreachable', `${call.method ?? 'GET'} ${call.path}: ${status} ${text}`);
  }
  return JSON.parse(text) as T;
}

async function exchange({ socket, path, method = 'GET', body, timeoutMs = 2_000 }: ApiRequest) {
  const content = body === undefined ? undefined : JSON.stringify(body);
  const headers = content === undefined ? {} : { 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(timeoutMs);
  return await new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    const call = request({ socketPath: socket, path, method, headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    call.on('error', reject);
    call.end(content);
  });
}
