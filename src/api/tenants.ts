// GET /v1/tenants and GET /v1/tenants/{name}.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ApiContext } from './context.ts';
import { sendElement, sendResource } from './read.ts';
import { errorResponses, tenantView } from './schemas.ts';

const params = z.strictObject({ name: z.string().min(1).max(200) });

export function tenantRoutes({ control }: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/tenants',
      { schema: { summary: 'All tenants', tags: ['tenants'], response: { 200: z.array(tenantView), ...errorResponses } } },
      async (_request, reply) => sendResource(control, 'tenants', reply),
    );
    app.get(
      '/v1/tenants/:name',
      { schema: { summary: 'One tenant', tags: ['tenants'], params, response: { 200: tenantView, ...errorResponses } } },
      async (request, reply) =>
        sendElement(control, { resource: 'tenants', noun: 'tenant', key: 'tenant', name: request.params.name }, reply),
    );
  };
}
