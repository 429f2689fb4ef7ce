// Main's side of the bgp worker: a Speaker that does nothing but pass messages on. Runs on main, never blocks it.
//
// If the worker dies its sessions die with it, and with them the routes; a new one is started a second later with the last
// configuration and routes. Works from built files only: worker_threads cannot load TypeScript.

import { Worker } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import type { Advertisement, PeerMessage, PeerStatus, Speaker, SpeakerConfig } from '../model/peer.ts';
import type { FromWorker, LogEntry, ToWorker } from './thread-messages.ts';

export interface BgpThreadOptions {
  /** The latest state of all peers: after a change, and at least each second. */
  onPeers(peers: readonly PeerStatus[]): void;
  onLog(entry: LogEntry): void;
}

const restartDelayMs = 1000;
// Withdrawing takes a second at most beyond the drain, closing and BFD's farewell three.
const closePatienceMs = 5000;

export class RemoteSpeaker implements Speaker {
  readonly #options: BgpThreadOptions;
  readonly #requests = new Map<number, (entries: readonly PeerMessage[] | undefined) => void>();
  #config: SpeakerConfig;
  #worker: Worker | undefined;
  #restart: NodeJS.Timeout | undefined;
  #peers: readonly PeerStatus[] = [];
  #troubles: readonly string[] = [];
  #bfdDiscards: Readonly<Record<string, number>> = {};
  /** Undefined before the first set(). */
  #routes: Uint8Array | undefined;
  /** Undefined where nothing is forwarded. */
  #engine: number | undefined;
  #nextRequest = 1;
  #leaving: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #hasLeft: () => void = () => undefined;
  #workerGone: () => void = () => undefined;

  constructor(config: SpeakerConfig, options: BgpThreadOptions) {
    this.#config = config;
    this.#options = options;
    this.#start();
  }

  set(advertisements: readonly Advertisement[]): void {
    this.setEncoded(new TextEncoder().encode(JSON.stringify(advertisements)));
  }

  /** JSON of Advertisement[]. The buffer is transferred: it is empty afterwards. */
  setEncoded(json: Uint8Array): void {
    // A copy stays for a worker that has to be started again.
    this.#routes = json.slice();
    const whole = json.byteOffset === 0 && json.byteLength === json.buffer.byteLength && json.buffer instanceof ArrayBuffer;
    const sent = whole ? json : json.slice();
    this.#tell({ kind: 'set', json: sent }, [sent.buffer as ArrayBuffer]);
  }

  /** What this engine forwards goes when a worker of its stands still, also when this thread does. */
  watch(engine: number): void {
    this.#engine = engine;
    this.#tell({ kind: 'watch', engine });
  }

  /** Peers added, removed or changed; the sessions of all others go on. */
  configure(config: SpeakerConfig): void {
    this.#config = config;
    this.#tell({ kind: 'configure', config });
  }

  /** As last reported; at most a second old while the worker lives. */
  peers(): readonly PeerStatus[] {
    return this.#peers;
  }

  /** What is wrong with BGP and no peer's own trouble, in words; empty once mended. */
  troubles(): readonly string[] {
    return this.#troubles;
  }

  /** BFD packets that were discarded, by reason; as last reported. */
  bfdDiscards(): Readonly<Record<string, number>> {
    return this.#bfdDiscards;
  }

  /** The last messages of one peer, oldest first; undefined when there is no such peer. */
  messages(peer: string): Promise<readonly PeerMessage[] | undefined> {
    if (this.#worker === undefined) return Promise.resolve(undefined);
    const request = this.#nextRequest++;
    return new Promise((resolve) => {
      this.#requests.set(request, resolve);
      this.#tell({ kind: 'messages', request, peer });
    });
  }

  /** As Speaker says; a thread that hangs is not waited for, and one that dies is not started again. */
  leave(): Promise<void> {
    this.#leaving ??= new Promise((resolve) => {
      clearTimeout(this.#restart);
      if (this.#worker === undefined) return resolve();
      const giveUp = setTimeout(resolve, this.#config.drainSec * 1000 + closePatienceMs);
      this.#hasLeft = () => {
        clearTimeout(giveUp);
        resolve();
      };
      this.#tell({ kind: 'leave' });
    });
    return this.#leaving;
  }

  /** As Speaker says; a thread that hangs is ended a few seconds after that. */
  close(graceful: boolean): Promise<void> {
    this.#closing ??= this.#close(graceful);
    return this.#closing;
  }

  async #close(graceful: boolean): Promise<void> {
    if (graceful) await this.leave();
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === undefined) return;
    await new Promise<void>((resolve) => {
      const giveUp = setTimeout(() => void worker.terminate(), closePatienceMs);
      this.#workerGone = () => {
        clearTimeout(giveUp);
        resolve();
      };
      this.#tell({ kind: 'close', graceful });
    });
  }

  #start(): void {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: this.#config, name: 'bgp' });
    this.#worker = worker;
    worker.on('message', (message: FromWorker) => this.#hear(message));
    worker.on('error', (error) => this.#options.onLog({ level: 'error', message: `bgp thread failed: ${messageOf(error)}` }));
    worker.on('exit', () => this.#gone());
    if (this.#engine !== undefined) this.#tell({ kind: 'watch', engine: this.#engine });
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'peers':
        this.#peers = message.peers;
        this.#troubles = message.troubles;
        this.#bfdDiscards = message.bfdDiscards;
        return this.#options.onPeers(message.peers);
      case 'log':
        return this.#options.onLog(message.entry);
      case 'messages':
        this.#requests.get(message.request)?.(message.entries);
        this.#requests.delete(message.request);
        return;
      case 'left':
        return this.#hasLeft();
      case 'closed':
        return;
    }
  }

  #gone(): void {
    this.#worker = undefined;
    for (const answer of this.#requests.values()) answer(undefined);
    this.#requests.clear();
    this.#hasLeft();
    this.#workerGone();
    if (this.#leaving !== undefined || this.#closing !== undefined) return;
    const nothing = { state: 'idle', uptimeSec: 0, announced: 0, families: [], bfd: null } as const;
    this.#peers = this.#peers.map((peer) => ({ ...peer, ...nothing }));
    this.#troubles = ['the bgp thread ended and is being started again: every session is lost'];
    this.#options.onPeers(this.#peers);
    this.#restart = setTimeout(() => {
      this.#start();
      if (this.#routes !== undefined) this.setEncoded(this.#routes.slice());
    }, restartDelayMs);
  }

  #tell(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }
}
