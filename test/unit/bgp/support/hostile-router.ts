// A router on loopback that says exactly the bytes a test gives it, and shows every message it is sent.

import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { Framer } from '../../../../src/bgp/header.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../../src/bgp/messages.ts';
import { routerOpen } from './fake-network.ts';
import { full, internal, toHex } from './wire.ts';

// Whatever was agreed on: the router reads it all.
const seen = { ...full, internal: true };

/** One connection, seen from the router. */
export class RouterCall {
  readonly socket: Socket;
  readonly #framer = new Framer();
  readonly #arrived: Message[] = [];
  #isOver = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      this.#framer.push(bytes);
      for (let next = this.#framer.next(65_535); next !== undefined; next = this.#framer.next(65_535)) {
        this.#arrived.push(decodeMessage(next.wire, seen));
      }
      this.#wake();
    });
    socket.on('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  say(...messages: readonly (Message | Uint8Array)[]): void {
    for (const message of messages) this.socket.write(message instanceof Uint8Array ? message : encodeMessage(message, internal));
  }

  /** The next message, or undefined when the connection is over. */
  async next(): Promise<Message | undefined> {
    while (this.#arrived.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#arrived.shift();
  }

  /** The next message of a kind; others are passed over. */
  async nextOf<K extends Message['kind']>(kind: K): Promise<Extract<Message, { readonly kind: K }>> {
    for (;;) {
      const message = await this.next();
      if (message === undefined) throw new Error(`the connection ended without ${kind}`);
      if (message.kind === kind) return message as Extract<Message, { readonly kind: K }>;
    }
  }

  /** "code/subcode data" of the NOTIFICATION that ends the connection; "closed" when it ends without one. */
  async verdict(): Promise<string> {
    let last = 'closed';
    for (let message = await this.next(); message !== undefined; message = await this.next()) {
      if (message.kind === 'notification') last = `${message.code}/${message.subcode} ${toHex(message.data)}`.trim();
    }
    return last;
  }

  /** Through OPEN and KEEPALIVE to Established. */
  async establish(open = routerOpen): Promise<void> {
    this.say(open);
    await this.nextOf('open');
    await this.nextOf('keepalive');
    this.say({ kind: 'keepalive' });
  }
}

export class HostileRouter {
  readonly #server: Server;
  readonly #calls: RouterCall[] = [];
  readonly #sockets = new Set<Socket>();
  #wake: () => void = () => undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      this.#calls.push(new RouterCall(socket));
      this.#wake();
    });
  }

  static async start(address = '127.0.0.1'): Promise<HostileRouter> {
    const server = createServer();
    server.listen(0, address);
    await once(server, 'listening');
    return new HostileRouter(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The speaker's next call. */
  async called(): Promise<RouterCall> {
    for (;;) {
      const call = this.#calls.shift();
      if (call !== undefined) return call;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Calls the speaker. */
  async call(port: number, host = '127.0.0.1'): Promise<RouterCall> {
    const socket = createConnection({ host, port });
    this.#sockets.add(socket);
    await once(socket, 'connect');
    return new RouterCall(socket);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
