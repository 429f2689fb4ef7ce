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
import { isIpv6 } from '../routers/router.ts';
import { environment, inNamespace } from '../shell.ts';
import type { LabVip } from '../topology.ts';
import type { RequesterOptions, RequestResult, Watermark } from './messages.ts';

export interface TrafficOptions {
  readonly vip: LabVip;
  readonly mode: RequesterOptions['mode'];
  readonly timeoutMs?: number;
  readonly durationMs?: number;
}

type Events = { readonly result: [RequestResult]; readonly watermark: []; readonly end: [] };

export class Traffic {
  /** Every result so far, in the order in which requests ended. */
  readonly results: RequestResult[] = [];
  readonly events = new EventEmitter<Events>();
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #ended: Promise<void>;
  readonly #timeoutMs: number;
  #settledMs = 0;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>, timeoutMs: number) {
    this.#child = child;
    this.#timeoutMs = timeoutMs;
    this.#ended = once(child, 'close').then(() => {
      this.events.emit('end');
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#take(JSON.parse(line) as RequestResult | Watermark);
    });
    // It may have ended by itself before its standard input is closed.
    child.stdin.on('error', () => {});
  }

  static start(lab: Lab, { vip, mode, timeoutMs = 4_000, durationMs = 120_000 }: TrafficOptions): Traffic {
    const { clients, namespaces } = lab.topology;
    const options: RequesterOptions = {
      vip: { address: vip.address, port: vip.port },
      sources: clients.map(({ address, address6 }) => (isIpv6(vip.address) ? address6 : address)),
      mode,
      timeoutMs,
      durationMs,
    };
    const argv = [process.execPath, builtFile('deploy/lab/traffic/requester.js'), JSON.stringify(options)];
    const [program = '', ...args] = inNamespace(namespaces.client, argv);
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: environment });
    const identity = identify(child.pid ?? 0);
    if (identity !== undefined) lab.ledger.add({ kind: 'process', id: `requester-${vip.tenant}`, ...identity });
    return new Traffic(child, timeoutMs);
  }

  /** No new requests; resolves with all results once those under way have ended. */
  async stop(): Promise<readonly RequestResult[]> {
    this.#child.stdin.end();
    return await this.ended();
  }

  /** All results, once its own time (`durationMs`) or `stop` has ended it. */
  async ended(): Promise<readonly RequestResult[]> {
    await this.#ended;
    return this.results;
  }

  /** Resolves once every request that began before `timeMs` (wall clock) has ended, well or badly. */
  async settled(timeMs: number): Promise<void> {
    const patience = Math.max(0, timeMs - Date.now()) + this.#timeoutMs + 5_000;
    await this.#until('watermark', () => this.#settledMs >= timeMs, { what: 'requests to end', timeoutMs: patience });
  }

  /** Resolves once `enough` holds for the results so far; looks again at every result. */
  async until(enough: (results: readonly RequestResult[]) => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    await this.#until('result', () => enough(this.results), { what, timeoutMs });
  }

  #take(message: RequestResult | Watermark): void {
    if ('settledMs' in message) {
      this.#settledMs = message.settledMs;
      this.events.emit('watermark');
    } else {
      this.results.push(message);
      this.events.emit('result', message);
    }
  }

  async #until(event: 'result' | 'watermark', holds: () => boolean, { what, timeoutMs }: { what: string; timeoutMs: number }) {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      while (!holds()) await once(this.events, event, { signal });
    } catch {
      throw new ToriiError('internal', `gave up after ${timeoutMs / 1000} s waiting for ${what}`);
    }
  }
}
