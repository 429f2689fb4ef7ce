// The main thread's end of a recorder: one capture's bytes as they come. Main thread, which passes them on unread.

import { ToriiError } from '../errors.ts';
import type { CaptureQuery, RunningCapture } from '../model/capture.ts';
import type { FromRecorder, ToRecorder } from './recorder.ts';

/** Sends to the recorder's thread. */
type Send = (message: ToRecorder) => void;

interface Waiting {
  readonly resolve: (bytes: Uint8Array | null) => void;
  readonly reject: (error: Error) => void;
}

export class RemoteRecorder {
  readonly #send: Send;
  readonly #captures = new Map<number, RemoteCapture>();
  #lastId = 0;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Rejects with capture_busy, bad_request or not_found. */
  start(query: CaptureQuery, devices: readonly string[]): Promise<RunningCapture> {
    const id = ++this.#lastId;
    const capture = new RemoteCapture((message) => this.#send({ ...message, id }));
    this.#captures.set(id, capture);
    this.#send({ kind: 'start', id, query, devices });
    return capture.started;
  }

  take(message: FromRecorder): void {
    const capture = this.#captures.get(message.id);
    if (message.kind === 'ended' || message.kind === 'refused') this.#captures.delete(message.id);
    capture?.take(message);
  }

  /** Ends what is under way, in order. */
  stop(): void {
    for (const capture of this.#captures.values()) capture.stop();
  }

  /** The recorder's thread is no more. */
  fail(error: Error): void {
    for (const capture of this.#captures.values()) capture.fail(error);
    this.#captures.clear();
  }
}

type Word = { readonly kind: 'read'; readonly bytes: number } | { readonly kind: 'stop' };

class RemoteCapture implements RunningCapture {
  readonly started: Promise<RunningCapture>;
  readonly #tell: (message: Word) => void;
  readonly #unread: Uint8Array[] = [];
  #begin: { readonly done: () => void; readonly failed: (error: Error) => void } = { done: () => {}, failed: () => {} };
  #waiting: Waiting | null = null;
  #hasEnded = false;
  #failure: Error | null = null;

  constructor(tell: (message: Word) => void) {
    this.#tell = tell;
    this.started = new Promise((resolve, reject) => {
      this.#begin = { done: () => resolve(this), failed: reject };
    });
  }

  take(message: FromRecorder): void {
    if (message.kind === 'started') return this.#begin.done();
    if (message.kind === 'refused') return this.#begin.failed(new ToriiError(message.code, message.message));
    if (message.kind === 'bytes') this.#unread.push(message.bytes);
    else this.#hasEnded = true;
    this.#settle();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#begin.failed(error);
    this.#settle();
  }

  next(): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#settle();
    });
  }

  stop(): void {
    if (!this.#hasEnded) this.#tell({ kind: 'stop' });
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    const bytes = this.#unread.shift();
    if (bytes === undefined && !this.#hasEnded && this.#failure === null) return;
    this.#waiting = null;
    if (bytes !== undefined) {
      this.#tell({ kind: 'read', bytes: bytes.length });
      waiting.resolve(bytes);
    } else if (this.#failure !== null) waiting.reject(this.#failure);
    else waiting.resolve(null);
  }
}
