// Main's end of the config worker: typed requests with answers, and events. Never parses what it passes on.
//
// A config worker that dies of a defect ends the process: nobody could change or withdraw anything any more, while
// routers notice closed sessions at once.

import { Worker } from 'node:worker_threads';
import { ToriiError } from '../errors.ts';
import type { ConfigWorkerData, FromConfig, ReplyOf, Request, ToConfig } from './messages.ts';

type Event = Exclude<FromConfig, { readonly kind: 'reply' | 'failure' }>;
/** A request as its caller states it; the number is added here. */
type Asked<R extends Request> = R extends Request ? Omit<R, 'id'> : never;

export interface ConfigThreadParams {
  readonly data: ConfigWorkerData;
  readonly onEvent: (event: Event) => void;
  readonly onDeath: (error: Error) => void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class ConfigThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #isClosing = false;

  constructor({ data, onEvent, onDeath }: ConfigThreadParams) {
    this.#worker = new Worker(new URL('./config-worker.js', import.meta.url), { name: 'config', workerData: data });
    this.#worker.on('message', (message: FromConfig) => {
      if (message.kind === 'reply') this.#settle(message.id)?.resolve(message.value);
      else if (message.kind === 'failure') {
        const { code, message: text, detail } = message;
        this.#settle(message.id)?.reject(new ToriiError(code, text, { detail }));
      } else if (!this.#isClosing) onEvent(message);
    });
    this.#worker.on('error', onDeath);
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        for (const { reject } of this.#waiting.values()) reject(new ToriiError('not_ready', 'torii is stopping'));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  tell(message: Exclude<ToConfig, Request>): void {
    this.#worker.postMessage(message);
  }

  ask<Kind extends Request['kind']>(request: Asked<Extract<Request, { readonly kind: Kind }>>): Promise<ReplyOf<Kind>> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (value) => resolve(value as ReplyOf<Kind>), reject });
      this.#worker.postMessage({ ...request, id });
    });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.tell({ kind: 'close' });
    await this.#exited;
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}
