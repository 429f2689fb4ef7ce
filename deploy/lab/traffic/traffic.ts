// Real HTTP requests from the client namespace, as a stream of results that claims are judged by.
//
// The requester is a process of its own, so that whatever this one computes delays no request. Its standard input is
// its life line: should this process die, it stops by itself.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { ToriiError } from '../../../src/errors.ts';
import type { Lab } from '../lab.ts';
import { identify } from '../processes.ts';
import { builtFile } from '../programs.ts';
import { inNamespace } from '../shell.ts';
import type { LabVip } from '../topology.ts';
import type { RequesterOptions, RequestResult } from './messages.ts';

export interface TrafficOptions {
  readonly vip: LabVip;
  readonly mode: RequesterOptions['mode'];
  readonly timeoutMs?: number;
  readonly durationMs?: number;
}

type Events = { readonly result: [RequestResult]; readonly end: [] };

export class Traffic {
  /** Every result so far, in the order in which requests ended. */
  readonly results: RequestResult[] = [];
  readonly events = new EventEmitter<Events>();
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#ended = once(child, 'close').then(() => {
      this.events.emit('end');
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const result = JSON.parse(line) as RequestResult;
      this.results.push(result);
      this.events.emit('result', result);
    });
    // It may have ended by itself before its standard input is closed.
    child.stdin.on('error', () => {});
  }

  static start(lab: Lab, { vip, mode, timeoutMs = 4_000, durationMs = 120_000 }: TrafficOptions): Traffic {
    const { clients, namespaces } = lab.topology;
    const options: RequesterOptions = {
      vip: { address: vip.address, port: vip.port },
      sources: clients,
      mode,
      timeoutMs,
      durationMs,
    };
    const argv = [process.execPath, builtFile('deploy/lab/traffic/requester.js'), JSON.stringify(options)];
    const [program = '', ...args] = inNamespace(namespaces.client, argv);
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const identity = identify(child.pid ?? 0);
    if (identity !== undefined) lab.ledger.add({ kind: 'process', id: `requester-${vip.tenant}`, ...identity });
    return new Traffic(child);
  }

  /** No new requests; resolves with all results once those under way have ended. */
  async stop(): Promise<readonly RequestResult[]> {
    this.#child.stdin.end();
    await this.#ended;
    return this.results;
  }

  /** Resolves once `enough` holds for the results so far; looks again at every result. */
  async until(enough: (results: readonly RequestResult[]) => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    if (enough(this.results)) return;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      do await once(this.events, 'result', { signal: timeout });
      while (!enough(this.results));
    } catch {
      throw new ToriiError('internal', `gave up after ${timeoutMs / 1000} s waiting for ${what}`);
    }
  }
}
