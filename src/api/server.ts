// The REST API of one node: one fastify instance behind a Unix socket and a loopback port. Main thread.
//
// Guarantees: unknown keys, oversized bodies and foreign Host headers on changes are refused; every failure has the one
// error shape; reads go out as the bytes they came in. Left out: TLS, roles, the dashboard.

import { createServer, type Server, type ServerOptions } from 'node:http';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
  type RouteOptions,
} from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import { parseAddress } from '../model/address.ts';
import { type Endpoint, endpointText } from '../model/flow.ts';
import type { NodeControl } from '../model/views.ts';
import { backendRoutes } from './backends.ts';
import type { ApiContext, AuditEntry } from './context.ts';
import { explainRoutes } from './explain.ts';
import { answerClientError, sendFailure, sendNoRoute } from './failures.ts';
import { healthRoutes } from './health.ts';
import { isLoopback, listenTcp, listenUnix } from './listeners.ts';
import { registerOpenapi } from './openapi.ts';
import { peerRoutes } from './peers.ts';
import { poolRoutes } from './pools.ts';
import { reloadRoutes } from './reload.ts';
import { statusRoutes } from './status.ts';
import { tenantRoutes } from './tenants.ts';
import { vipRoutes } from './vips.ts';

const bodyLimitBytes = 64 * 1024;
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
  const app = await buildApp(options);
  const servers: Server[] = [];
  const addServer = (): Server => {
    const server = createServer(limits, (request, response) => app.routing(request, response));
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
    return { addresses: [...socket.addresses, ...port], trouble, close };
  } catch (error) {
    await close();
    throw error;
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

async function buildApp({ control, metricsText, audit, logger, version }: ApiOptions): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    frameworkErrors: (error, request, reply) => void sendFailure(error, request, reply),
    routerOptions: { maxParamLength: 256 },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendFailure);
  app.setNotFoundHandler(sendNoRoute);
  // A form or text/plain body needs no CORS preflight: without the parser a web page cannot reach a change.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (request) => refuseForeignHost(request));
  app.addHook('onRoute', refuseUnknownQuery);
  await registerOpenapi(app, version);
  const context: ApiContext = { control, audit, metricsText: metricsText ?? (() => control.metrics()) };
  const routes = [
    statusRoutes,
    vipRoutes,
    backendRoutes,
    poolRoutes,
    tenantRoutes,
    peerRoutes,
    explainRoutes,
    reloadRoutes,
    healthRoutes,
  ];
  for (const each of routes) await app.register(each(context));
  await app.ready();
  return app;
}

const noQuery = z.strictObject({});

/** A misspelt filter must not look like an answer: routes that take no query refuse one. */
function refuseUnknownQuery(route: RouteOptions): void {
  if (route.url.startsWith('/v1/') && route.schema?.querystring === undefined)
    route.schema = { ...route.schema, querystring: noQuery };
}

/** A name that resolves to loopback (DNS rebinding) would let a web page send changes as if from this host. */
function refuseForeignHost(request: FastifyRequest): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (isRead || request.socket.remoteAddress === undefined) return;
  const host = request.hostname.replace(/^\[|\]$/g, '');
  const address = parseAddress(host);
  if (host !== 'localhost' && (address === undefined || !isLoopback(address))) {
    throw new ToriiError('bad_request', `expected a loopback Host for a change, got ${request.host}`);
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
