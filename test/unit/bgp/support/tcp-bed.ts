// Real loopback sockets for tests of the transport: a listener, calls to it, and what became of each.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tcpTransport } from '../../../../src/bgp/tcp-transport.ts';
import type { Connection, DialTarget, Listener, PeerSocket, Transport } from '../../../../src/bgp/transport.ts';
import { freePort } from '../../../support/free-port.ts';

/** Long enough for loopback under load where an answer is expected; short where none is. */
export const patienceMs = 20_000;
export const silenceMs = 300;

export const plainSocket = (address: string): PeerSocket => ({
  address,
  password: undefined,
  ttl: 64,
  minTtl: 0,
  userTimeoutMs: 30_000,
});

export const dialTarget = (target: Partial<DialTarget> & Pick<DialTarget, 'address' | 'port'>): DialTarget => ({
  ...plainSocket(target.address),
  localAddress: undefined,
  timeoutMs: patienceMs,
  ...target,
});

/** The connection, or the words of the failure. */
export function dialled(target: DialTarget, transport: Transport = tcpTransport): Promise<Connection | string> {
  return new Promise((resolve) => {
    transport.dial(target, { onConnected: resolve, onFailed: resolve });
  });
}

/** All that comes, as text. */
class Ear {
  text = '';
  closed: string | undefined;
  #wake: () => void = () => undefined;

  constructor(connection: Connection) {
    connection.start({
      onData: (bytes) => {
        this.text += Buffer.from(bytes).toString('latin1');
        this.#wake();
      },
      onWritable: () => undefined,
      onClosed: (text) => {
        this.closed = text;
        this.#wake();
      },
    });
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export function hear(connection: Connection): Ear {
  return new Ear(connection);
}

/** How a call ended that was answered and then reset; the RST may come before Node has said that it is connected. */
export async function resetOf(call: Connection | string): Promise<string> {
  if (typeof call === 'string') return call;
  const ear = hear(call);
  await ear.until(() => ear.closed !== undefined);
  return ear.closed ?? '';
}

export class TcpBed {
  readonly address: string;
  readonly port: number;
  readonly listener: Listener;
  readonly refusals: string[] = [];
  readonly #calls: Connection[];
  readonly #wakes: (() => void)[];
  readonly #opened: Connection[] = [];

  private constructor(at: { readonly address: string; readonly port: number }, listener: Listener, heard: Heard) {
    this.address = at.address;
    this.port = at.port;
    this.listener = listener;
    this.refusals = heard.refusals;
    this.#calls = heard.calls;
    this.#wakes = heard.wakes;
  }

  static async start(address: string, callers: readonly PeerSocket[], transport: Transport = tcpTransport): Promise<TcpBed> {
    const heard: Heard = { calls: [], refusals: [], wakes: [] };
    const wake = () => {
      for (const one of heard.wakes.splice(0)) one();
    };
    const port = await freePort();
    const listener = await transport.listen(
      { address, port, callers },
      {
        onCall: (connection) => {
          heard.calls.push(connection);
          wake();
        },
        onRefused: (from, text) => {
          heard.refusals.push(`${from}: ${text}`);
          wake();
        },
      },
    );
    return new TcpBed({ address, port }, listener, heard);
  }

  /** Calls it. */
  async call(target: Partial<DialTarget> = {}): Promise<Connection | string> {
    const result = await dialled(dialTarget({ address: this.address, port: this.port, ...target }));
    if (typeof result !== 'string') this.#opened.push(result);
    return result;
  }

  /** The next call that it took. */
  async taken(): Promise<Connection> {
    await this.#until(() => this.#calls.length > 0);
    const [connection] = this.#calls.splice(0, 1);
    if (connection === undefined) throw new Error('no call was taken');
    this.#opened.push(connection);
    return connection;
  }

  /** The first refusal. */
  async refusal(): Promise<string> {
    await this.#until(() => this.refusals.length > 0);
    return this.refusals[0] ?? '';
  }

  close(): void {
    this.listener.stop();
    for (const connection of [...this.#opened, ...this.#calls]) connection.reset();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#wakes.push(resolve));
  }
}

interface Heard {
  readonly calls: Connection[];
  readonly refusals: string[];
  readonly wakes: (() => void)[];
}

/** Sockets that this process has open. */
export function openSockets(): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  });
}

/** A counter of this network namespace, like TCPMD5Failure. */
export function tcpCounter(name: string): number {
  const [names = '', values = ''] = readFileSync('/proc/self/net/netstat', 'latin1').split('\n');
  const at = names.split(' ').indexOf(name);
  if (at === -1) throw new Error(`this kernel does not count ${name}`);
  return Number(values.split(' ')[at]);
}
