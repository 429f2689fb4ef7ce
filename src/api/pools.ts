// GET /v1/pools and GET /v1/pools/{name}.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ApiContext } from './context.ts';
import { sendElement, sendResource } from './read.ts';
import { errorResponses, poolView } from './schemas.ts';

const params = z.strictObject({ name: z.string().min(1).max(200) });

export function poolRoutes({ control }: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/pools',
      { schema: { summary: 'All pools', tags: ['pools'], response: { 200: z.array(poolView), ...errorResponses } } },
      async (_request, reply) => sendResource(control, 'pools', reply),
    );
    app.get(
      '/v1/pools/:name',
      { schema: { summary: 'One pool', tags: ['pools'], params, response: { 200: poolView, ...errorResponses } } },
      async (request, reply) =>
        sendElement(control, { resource: 'pools', noun: 'pool', key: 'pool', name: request.params.name }, reply),
    );
  };
}
