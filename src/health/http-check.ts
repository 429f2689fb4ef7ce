// HTTP check: GET of a path, answered in time with a status of 200 to 399. Runs in the checks thread.
//
// Only the head of the answer is read; redirects count as healthy and are not followed. The deadline covers connection,
// request and answer together. Every probe is a connection of its own: a kept one would go on working
// after the backend's listener is gone.

import { request } from 'node:http';
import { familyOf } from '../model/address.ts';
import { deadline, type Outcome, outcomeOfError } from './check.ts';

export interface HttpProbe {
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
}

const firstHealthyStatus = 200;
const lastHealthyStatus = 399;

/** Never rejects, given a path of printable ASCII without spaces. Aborting ends it at once as inconclusive. */
export function probeHttp({ address, port, path, timeoutMs }: HttpProbe, signal: AbortSignal): Promise<Outcome> {
  const what = `http ${port}`;
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const elapsedMs = () => performance.now() - startedMs;
    const get = request({
      host: address,
      port,
      path,
      agent: false,
      headers: { host: hostHeader(address, port), 'user-agent': 'torii' },
    });
    const settle = (outcome: Outcome) => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      get.destroy();
      resolve(outcome);
    };
    const onAbort = () => settle({ kind: 'inconclusive', reason: `${what}: check ended` });
    const timer = deadline(timeoutMs, () =>
      settle({ kind: 'failed', reason: `${what}: no answer within ${timeoutMs} ms`, latencyMs: elapsedMs() }),
    );
    get.on('response', ({ statusCode = 0 }) => settle(judge(what, statusCode, elapsedMs())));
    get.on('upgrade', ({ statusCode = 0 }) => settle(judge(what, statusCode, elapsedMs())));
    get.on('error', (error) => settle(outcomeOfError(error, what, elapsedMs())));
    signal.addEventListener('abort', onAbort);
    get.end();
  });
}

function judge(what: string, statusCode: number, latencyMs: number): Outcome {
  if (statusCode >= firstHealthyStatus && statusCode <= lastHealthyStatus) return { kind: 'passed', latencyMs };
  const reason = `${what}: status ${statusCode}, expected ${firstHealthyStatus} to ${lastHealthyStatus}`;
  return { kind: 'failed', reason, latencyMs };
}

function hostHeader(address: string, port: number): string {
  const host = familyOf(address) === 6 ? `[${address}]` : address;
  return port === 80 ? host : `${host}:${port}`;
}
