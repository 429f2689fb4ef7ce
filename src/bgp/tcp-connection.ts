// One established TCP connection over Node's socket. Runs in the bgp worker.
//
// Node shows the descriptor of a socket nowhere in its documented interface; `_handle.fd` has been there since its first
// versions, and a test holds on to it. Without it nothing is guessed: protecting an accepted connection throws.

import { readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { parseScopedAddress } from '../model/address.ts';
import type { SocketAddon } from '../net.ts';
import type { Connection, ConnectionHandlers } from './transport.ts';

const lingerMs = 1000;
/** What Node reads at a time at most; while a read is as long, it reads on at once, 32 times over. */
const longestReadBytes = 65_536;

/** Canonical text of an address as Node gives it. */
export function canonicalAddress(address: string | undefined): string {
  return parseScopedAddress(address ?? '') ?? address ?? '';
}

/** Undefined once the socket is closed, when the number may already be another file's. */
export function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: unknown } | null };
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}

function wordsOf(error: NodeJS.ErrnoException): string {
  // After TCP_USER_TIMEOUT.
  return error.code === 'ETIMEDOUT' ? "the peer's host no longer acknowledges what is sent" : error.message;
}

export class TcpConnection implements Connection {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #addon: SocketAddon;
  #handlers: ConnectionHandlers | undefined;
  #endedEarly: string | undefined;
  #isWaiting = false;

  constructor(socket: Socket, addon: SocketAddon) {
    this.#socket = socket;
    this.#addon = addon;
    this.localAddress = canonicalAddress(socket.localAddress);
    this.remoteAddress = canonicalAddress(socket.remoteAddress);
    socket.setNoDelay(true);
    socket.on('end', () => this.#closed('the peer closed the connection'));
    socket.on('error', (error) => this.#closed(wordsOf(error)));
    socket.on('close', () => this.#closed('the connection is gone'));
  }

  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  start(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    this.#socket.on('data', (bytes: Buffer) => {
      this.#handlers?.onData(bytes);
      if (bytes.length >= longestReadBytes) this.#letOthersIn();
    });
    this.#socket.on('drain', () => this.#handlers?.onWritable());
    if (this.#endedEarly !== undefined) this.#closed(this.#endedEarly);
  }

  // A peer that says why and goes makes the next write fail, and Node then closes the socket with what it said unread.
  write(bytes: Uint8Array): void {
    if (!this.#socket.writable) return;
    this.#socket.write(bytes, (error) => {
      if (error !== null && error !== undefined) this.#readRest();
    });
  }

  // A write counts as done for Node once the kernel has it, and the kernel takes megabytes of keepalives: its own queue
  // tells the truth. A write that the kernel has taken in part counts twice, which errs by a few messages.
  unacknowledgedBytes(): Promise<number> {
    const descriptor = descriptorOf(this.#socket);
    const queued = descriptor === undefined ? 0 : this.#addon.unacknowledgedBytes(descriptor);
    return Promise.resolve(this.#socket.writableLength + queued);
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

  // Timers and the other sessions have a turn before a peer that sends without end goes on.
  #letOthersIn(): void {
    this.#isWaiting = true;
    this.#socket.pause();
    setImmediate(() => {
      this.#isWaiting = false;
      this.#socket.resume();
    });
  }

  #readRest(): void {
    const descriptor = descriptorOf(this.#socket);
    // What waits in the socket's own buffer would come first.
    if (descriptor === undefined || this.#isWaiting) return;
    try {
      while (this.#handlers !== undefined) {
        const chunk = new Uint8Array(longestReadBytes);
        const count = readSync(descriptor, chunk);
        if (count === 0) return;
        this.#handlers.onData(chunk.subarray(0, count));
      }
    } catch (error) {
      // The end of what there is: nothing more yet, or the reset itself.
      if (!(error instanceof Error && 'syscall' in error)) throw error;
    }
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
