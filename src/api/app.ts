// The REST API's application: its routes, checks and failures in one fastify instance. Main thread. Read from disk only when
// somebody asks or there is time (server.ts): fastify and the schemas take longer to load than all that a start waits for.
//
// Guarantees: unknown keys, oversized bodies and foreign Host headers on changes are refused; every failure has the one
// error shape; reads go out as the bytes they came in. Left out: TLS, roles, the dashboard.

import { setImmediate as turn } from 'node:timers/promises';
import Fastify, { type FastifyInstance, type FastifyRequest, LogController, type RouteOptions } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import { parseAddress } from '../model/address.ts';
import { backendRoutes } from './backends.ts';
import { captureRoutes } from './capture.ts';
import type { ApiContext } from './context.ts';
import { explainRoutes } from './explain.ts';
import { bodyLimitBytes, sendFailure, sendNoRoute } from './failures.ts';
import { flowRoutes } from './flows.ts';
import { healthRoutes } from './health.ts';
import { isLoopback } from './listeners.ts';
import { refuseOtherMethods } from './methods.ts';
import { registerOpenapi } from './openapi.ts';
import { peerRoutes } from './peers.ts';
import { poolRoutes } from './pools.ts';
import { reloadRoutes } from './reload.ts';
import type { ApiOptions } from './server.ts';
import { statusRoutes } from './status.ts';
import { tenantRoutes } from './tenants.ts';
import { vipRoutes } from './vips.ts';

export async function buildApp({ control, metricsText, audit, logger, version }: ApiOptions): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    frameworkErrors: (error, request, reply) => void sendFailure(error, request, reply),
    routerOptions: { maxParamLength: 256 },
    rewriteUrl: ({ url = '' }) => withWholeNames(url),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendFailure);
  app.setNotFoundHandler(sendNoRoute);
  // A form or text/plain body needs no CORS preflight: without the parser a web page cannot reach a change.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (request) => refuseForeignHost(request));
  app.addHook('onRoute', refuseUnknownQuery);
  const closePaths = refuseOtherMethods(app);
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
    flowRoutes,
    captureRoutes,
    reloadRoutes,
    healthRoutes,
  ];
  for (const each of routes) {
    await app.register(each(context));
    await turn();
  }
  closePaths();
  await app.ready();
  return app;
}

/** Names of VIPs and backends hold '/', which people write as it is: behind these lists nothing else has one. */
function withWholeNames(url: string): string {
  const [, list = '', name, query = ''] = /^(\/v1\/(?:vips|backends)\/)([^?]+)(\?.*)?$/.exec(url) ?? [];
  return name === undefined ? url : `${list}${name.replaceAll('/', '%2F')}${query}`;
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
