// What a known path answers to a method that it does not have: 405 with Allow (RFC 9110 15.5.6), OPTIONS among them, since no
// page of another origin is ever invited. Main thread. Left out: methods that fastify does not route at all, which are 404.

import type { FastifyInstance, HTTPMethods } from 'fastify';
import { ToriiError } from '../errors.ts';

/** Call before the routes are made; what it returns closes their paths, once all are there. */
export function refuseOtherMethods(app: FastifyInstance): () => void {
  const known = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = known.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    known.set(url, methods);
  });
  return () => {
    for (const [url, methods] of known) refuseOthers(app, url, [...methods].sort());
  };
}

function refuseOthers(app: FastifyInstance, url: string, allowed: readonly string[]): void {
  const others = app.supportedMethods.filter((method) => !allowed.includes(method)) as HTTPMethods[];
  app.route({
    method: others,
    url,
    schema: { hide: true },
    // Before the body is read: what is wrong with that does not matter.
    onRequest: async (request, reply) => {
      reply.header('allow', allowed.join(', '));
      throw new ToriiError(
        'method_not_allowed',
        `expected ${allowed.join(' or ')} of ${request.originalUrl}, got ${request.method}`,
      );
    },
    handler: async () => undefined,
  });
}
