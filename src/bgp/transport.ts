// TCP for BGP: the only file of the speaker with sockets in it. Runs in the bgp worker.
//
// Gives connections as bytes in, bytes out and one word at the end. Socket options that Node cannot set before connect
// (MD5, GTSM, TCP_USER_TIMEOUT) are not here.

import { createConnection, createServer, type Socket } from 'node:net';
import { parseAddress } from '../model/address.ts';
import { readSendQueueBytes } from './send-queue.ts';

export interface ConnectionHandlers {
  onData(bytes: Uint8Array): void;
  /** Once; not after end() or reset(). */
  onClosed(text: string): void;
  /** The backlog has gone. */
  onWritable(): void;
}

export interface Connection {
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Written, but not yet taken by the kernel. */
  readonly backlogBytes: number;
  /** Nothing is read before this. */
  start(handlers: ConnectionHandlers): void;
  write(bytes: Uint8Array): void;
  /** Written, but not yet acknowledged by the other host. */
  unacknowledgedBytes(): Promise<number>;
  /** Sends what was written, then FIN; gives up after a second. */
  end(): Promise<void>;
  /** Ends at once, with RST. */
  reset(): void;
}

export interface DialTarget {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string | undefined;
  readonly timeoutMs: number;
}

export interface DialHandlers {
  readonly onConnected: (connection: Connection) => void;
  readonly onFailed: (text: string) => void;
}

export interface Transport {
  /** Calls exactly one handler, or none after the returned function cancelled the call. */
  dial(target: DialTarget, handlers: DialHandlers): () => void;
  /** Resolves once it listens, with the function that ends it. @throws the system's error */
  listen(at: { readonly address: string; readonly port: number }, onCall: (connection: Connection) => void): Promise<() => void>;
}

const lingerMs = 1000;
const mappedPrefix = '::ffff:';

/** Canonical text of an address as the kernel gives it; a mapped one is IPv4. */
function canonical(address: string | undefined): string {
  const plain = address?.startsWith(mappedPrefix) === true ? address.slice(mappedPrefix.length) : (address ?? '');
  return parseAddress(plain) ?? plain;
}

class TcpConnection implements Connection {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #localPort: number;
  readonly #remotePort: number;
  #handlers: ConnectionHandlers | undefined;
  #endedEarly: string | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.localAddress = canonical(socket.localAddress);
    this.remoteAddress = canonical(socket.remoteAddress);
    this.#localPort = socket.localPort ?? 0;
    this.#remotePort = socket.remotePort ?? 0;
    socket.setNoDelay(true);
    socket.on('end', () => this.#closed('the peer closed the connection'));
    socket.on('error', (error) => this.#closed(error.message));
    socket.on('close', () => this.#closed('the connection is gone'));
  }

  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    this.#socket.on('data', (bytes: Buffer) => this.#handlers?.onData(bytes));
    this.#socket.on('drain', () => this.#handlers?.onWritable());
    if (this.#endedEarly !== undefined) this.#closed(this.#endedEarly);
  }

  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  async unacknowledgedBytes(): Promise<number> {
    const ends = {
      local: { address: this.localAddress, port: this.#localPort },
      remote: { address: this.remoteAddress, port: this.#remotePort },
    };
    return this.#socket.writableLength + (await readSendQueueBytes(ends));
  }

  end(): Promise<void> {
    this.#handlers = undefined;
    const socket = this.#socket;
    if (socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const giveUp = setTimeout(() => socket.destroy(), lingerMs);
      socket.once('close', () => {
        clearTimeout(giveUp);
        resolve();
      });
      // Unread input would turn the FIN into RST, and RST can overtake the NOTIFICATION at the peer.
      socket.removeAllListeners('data');
      socket.resume();
      socket.end();
    });
  }

  reset(): void {
    this.#handlers = undefined;
    this.#socket.resetAndDestroy();
  }

  #closed(text: string): void {
    const handlers = this.#handlers;
    if (handlers === undefined) {
      this.#endedEarly ??= text;
      return;
    }
    this.#handlers = undefined;
    this.#socket.destroy();
    handlers.onClosed(text);
  }
}

function dial({ address, port, localAddress, timeoutMs }: DialTarget, { onConnected, onFailed }: DialHandlers): () => void {
  const socket = createConnection({ host: address, port, ...(localAddress === undefined ? {} : { localAddress }) });
  let settled = false;
  const settle = (): boolean => {
    if (settled) return false;
    settled = true;
    clearTimeout(tooLong);
    return true;
  };
  const fail = (text: string) => {
    socket.destroy();
    if (settle()) onFailed(text);
  };
  const tooLong = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
  socket.once('error', (error) => fail(error.message));
  socket.once('connect', () => {
    if (settle()) onConnected(new TcpConnection(socket));
  });
  return () => {
    settle();
    socket.destroy();
  };
}

function listen(
  { address, port }: { readonly address: string; readonly port: number },
  onCall: (connection: Connection) => void,
): Promise<() => void> {
  const server = createServer((socket) => onCall(new TcpConnection(socket)));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, () => {
      server.removeListener('error', reject);
      // Failing to accept one call (out of descriptors) must not end the thread; the peer will call again.
      server.on('error', () => undefined);
      resolve(() => server.close());
    });
  });
}

export const tcpTransport: Transport = { dial, listen };
