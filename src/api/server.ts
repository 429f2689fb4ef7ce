// The REST API of one node behind a Unix socket and a loopback port. Main thread.
//
// It listens before it can answer: the socket says at once whether another torii runs here, and requests wait until the
// application (app.ts) is loaded, which the first of them or warmUp() starts.

import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { messageOf, ToriiError } from '../errors.ts';
import { type Endpoint, endpointText } from '../model/flow.ts';
import type { NodeControl } from '../model/views.ts';
import { answerClientError, bodyOf } from './client-error.ts';
import type { AuditEntry } from './context.ts';
import { listenTcp, listenUnix } from './listeners.ts';

/** Of each listener: what any local user may take of the daemon's descriptors. */
const maxConnections = 128;
/** Whoever is slower than this to say what it wants makes room for others. */
const requestTimeoutMs = 10_000;
const headersTimeoutMs = 5_000;
const timeoutCheckMs = 1_000;

export interface ApiOptions {
  readonly control: NodeControl;
  /** Default: control.metrics. */
  readonly metricsText?: () => Promise<Uint8Array>;
  /** A loopback address; null: no TCP. */
  readonly listen: Endpoint | null;
  /** Path; null: no Unix socket. */
  readonly socket: string | null;
  readonly audit: (entry: AuditEntry) => void;
  readonly logger: FastifyBaseLogger;
  readonly version: string;
}

export interface Api {
  /** Where it listens: the socket's path, then "127.0.0.1:8470". */
  readonly addresses: readonly string[];
  /** Why there is no Unix socket though there should be, in words; the port answers all the same. */
  readonly trouble: string | null;
  /** Loads the application now rather than with the first request; busy for a moment. */
  warmUp(): void;
  /** Answers what is under way, then closes every connection and removes the socket. */
  close(): Promise<void>;
}

const limits: ServerOptions = {
  requestTimeout: requestTimeoutMs,
  headersTimeout: headersTimeoutMs,
  connectionsCheckingInterval: timeoutCheckMs,
};

/** Throws config_invalid, address_in_use or no_privilege; then nothing is left listening. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const app = new LazyApp(options);
  const servers: Server[] = [];
  const addServer = (): Server => {
    const server = createServer(limits, (request, response) => void app.answer(request, response));
    server.maxConnections = maxConnections;
    server.on('clientError', answerClientError);
    servers.push(server);
    return server;
  };
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(closeServer));
    await app.close();
  };
  try {
    const { trouble, ...socket } = await openSocket(addServer(), options);
    const port = options.listen === null ? [] : [await listenTcp(addServer(), options.listen)];
    return { addresses: [...socket.addresses, ...port], trouble, warmUp: () => void app.load(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * What the application is made of, part by part: in one go it would hold this thread for half a second of processor time, just
 * when a packet path that has only just started needs looking after.
 */
async function importLibraries(): Promise<void> {
  for (const part of [() => import('fastify'), () => import('zod'), () => import('fastify-type-provider-zod')]) {
    await part();
    await turn();
  }
}

/** The application from its first use on. */
class LazyApp {
  readonly #options: ApiOptions;
  #loading: Promise<FastifyInstance | null> | undefined;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** Null where it cannot be built, which is a defect of ours and said once. */
  load(): Promise<FastifyInstance | null> {
    this.#loading ??= importLibraries()
      .then(() => import('./app.ts'))
      .then(({ buildApp }) => buildApp(this.#options))
      .catch((error: unknown) => {
        this.#options.logger.error({ err: error }, `the API cannot answer: ${messageOf(error)}`);
        return null;
      });
    return this.#loading;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const app = await this.load();
    if (app !== null) return app.routing(request, response);
    const failure = new ToriiError('internal', 'a defect in torii; its log has the particulars');
    response.writeHead(failure.httpStatus, { 'content-type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify(bodyOf(failure)));
  }

  async close(): Promise<void> {
    await (await this.#loading)?.close();
  }
}

/** A node that can make no socket still does its work; but where another daemon has it, two would do the same. */
async function openSocket(server: Server, { socket, listen }: ApiOptions): Promise<Pick<Api, 'addresses' | 'trouble'>> {
  if (socket === null) return { addresses: [], trouble: null };
  try {
    return { addresses: [await listenUnix(server, socket)], trouble: null };
  } catch (error) {
    if (listen === null || !(error instanceof ToriiError) || error.code === 'address_in_use') throw error;
    const rest = `the API answers on ${endpointText(listen)} only, which cannot tell who changes what`;
    return { addresses: [], trouble: `${error.message}; ${rest}` };
  }
}

/** Idle connections are cut at once; busy ones get two seconds to finish. */
async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const cut = setTimeout(() => server.closeAllConnections(), 2000);
  await closed;
  clearTimeout(cut);
}
