// Time and TCP that tests move by hand, so that every timer of a session can be seen to fire without waiting for it.

import type { Clock, Timer } from '../../../../src/bgp/clock.ts';
import { Framer } from '../../../../src/bgp/header.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../../src/bgp/messages.ts';
import type { OpenMessage } from '../../../../src/bgp/open.ts';
import type {
  Connection,
  ConnectionHandlers,
  DialHandlers,
  DialTarget,
  Listener,
  ListenHandlers,
  ListenTarget,
  PeerSocket,
  Transport,
} from '../../../../src/bgp/transport.ts';
import { external, full } from './wire.ts';

// Whatever was agreed on: the router reads it all.
const seen = { ...full, internal: true };

export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  readonly #afterInput: (() => void)[] = [];
  randomValue = 1;

  nowMs(): number {
    return this.#nowMs;
  }

  isoTime(): string {
    return new Date(Date.UTC(2026, 0, 1) + this.#nowMs).toISOString();
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  afterInput(run: () => void): void {
    this.#afterInput.push(run);
  }

  random(): number {
    return this.randomValue;
  }

  /** Runs what is due up to then, in order, with promises in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const [first] = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (first === undefined) break;
      this.#timers.delete(first);
      this.#nowMs = first.atMs;
      first.run();
      this.runAfterInput();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  runAfterInput(): void {
    for (const run of this.#afterInput.splice(0)) run();
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/** One end of a connection; the test is the peer at the other. */
export class FakeConnection implements Connection {
  readonly localAddress: string;
  readonly remoteAddress: string;
  backlogBytes = 0;
  /** Makes every write stay in the backlog. */
  stalled = false;
  unacknowledged = 0;
  fate: 'open' | 'ended' | 'reset' = 'open';
  /** The peer leaves its end open. */
  lingers = false;
  readonly received: Message[] = [];
  readonly #framer = new Framer();
  #handlers: ConnectionHandlers | undefined;

  constructor(remoteAddress: string, localAddress = '10.66.0.11') {
    this.remoteAddress = remoteAddress;
    this.localAddress = localAddress;
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
  }

  write(bytes: Uint8Array): void {
    if (this.stalled) this.backlogBytes += bytes.length;
    this.#framer.push(bytes);
    for (let next = this.#framer.next(65_535); next !== undefined; next = this.#framer.next(65_535)) {
      this.received.push(decodeMessage(next.wire, seen));
    }
  }

  unacknowledgedBytes(): Promise<number> {
    return Promise.resolve(this.unacknowledged);
  }

  end(): Promise<void> {
    this.fate = 'ended';
    return this.lingers ? new Promise(() => undefined) : Promise.resolve();
  }

  reset(): void {
    this.fate = 'reset';
  }

  /** The peer sends these. */
  say(...messages: readonly Message[]): void {
    for (const message of messages) this.#handlers?.onData(encodeMessage(message, external));
  }

  sayBytes(bytes: Uint8Array): void {
    this.#handlers?.onData(bytes);
  }

  /** The peer closes. */
  hangUp(): void {
    this.#handlers?.onClosed('the peer closed the connection');
  }

  /** The peer reads everything. */
  drain(): void {
    this.stalled = false;
    this.backlogBytes = 0;
    this.#handlers?.onWritable();
  }

  /** What arrived since the last call, by kind. */
  take(): Message[] {
    return this.received.splice(0);
  }
}

export class FakeNetwork implements Transport {
  readonly dials: { readonly target: DialTarget; readonly handlers: DialHandlers; cancelled: boolean }[] = [];
  listening: { readonly address: string; readonly port: number } | undefined;
  listenError: Error | undefined;
  callers: readonly PeerSocket[] = [];
  /** What the next admit() answers. */
  admitTrouble: string | null = null;
  #handlers: ListenHandlers | undefined;

  dial(target: DialTarget, handlers: DialHandlers): () => void {
    const dial = { target, handlers, cancelled: false };
    this.dials.push(dial);
    return () => {
      dial.cancelled = true;
    };
  }

  listen({ address, port, callers }: ListenTarget, handlers: ListenHandlers): Promise<Listener> {
    if (this.listenError !== undefined) return Promise.reject(this.listenError);
    this.listening = { address, port };
    this.callers = callers;
    this.#handlers = handlers;
    return Promise.resolve({
      admit: (admitted) => {
        this.callers = admitted;
        return this.admitTrouble;
      },
      stop: () => {
        this.listening = undefined;
        this.#handlers = undefined;
      },
    });
  }

  /** The peer takes the newest call. */
  answer(address = '10.66.0.1', localAddress?: string): FakeConnection {
    const connection = new FakeConnection(address, localAddress);
    this.dials.at(-1)?.handlers.onConnected(connection);
    return connection;
  }

  refuse(text = 'connect ECONNREFUSED'): void {
    this.dials.at(-1)?.handlers.onFailed(text);
  }

  /** Somebody calls. */
  call(address = '10.66.0.1'): FakeConnection {
    const connection = new FakeConnection(address);
    this.#handlers?.onCall(connection);
    return connection;
  }

  /** A peer's call is turned away before the speaker sees it. */
  turnAway(address: string, text: string): void {
    this.#handlers?.onRefused(address, text);
  }
}

export const routerOpen: OpenMessage = {
  kind: 'open',
  as: 65000,
  holdTimeSec: 180,
  routerId: '10.66.0.1',
  capabilities: [{ kind: 'multiprotocol', afi: 1, safi: 1 }, { kind: 'routeRefresh' }, { kind: 'fourOctetAs', as: 65000 }],
};

export const keepalive: Message = { kind: 'keepalive' };
