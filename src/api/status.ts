// GET /v1/status (its ETag is the revision, for If-Match), GET /v1/engine, and the node's own switch: maintenance.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { applyChange, changeWords, etagOf, ifMatchHeaders, revisionIn } from './changes.ts';
import type { ApiContext } from './context.ts';
import { sendJson, sendResource } from './read.ts';
import { engineView, errorResponses, revisionBody, statusView } from './schemas.ts';

const body = z.strictObject({ maintenance: z.boolean().describe('true withdraws every VIP of this node'), ...changeWords });

export function statusRoutes(context: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/status',
      { schema: { summary: 'The node in one object', tags: ['node'], response: { 200: statusView, ...errorResponses } } },
      async (_request, reply) => {
        const status = await context.control.read('status');
        return sendJson(status, reply.header('etag', etagOf(revisionIn(status))));
      },
    );
    app.get(
      '/v1/engine',
      {
        schema: {
          summary: 'What carries packets: engine and mode of each device and queue, workers, rings',
          tags: ['node'],
          response: { 200: engineView, ...errorResponses },
        },
      },
      async (_request, reply) => sendResource(context.control, 'engine', reply),
    );
    app.patch(
      '/v1/node',
      {
        schema: {
          summary: 'Enter or leave maintenance',
          tags: ['node'],
          headers: ifMatchHeaders,
          body,
          response: { 200: revisionBody, ...errorResponses },
        },
      },
      async (request, reply) => {
        const { maintenance, ...words } = request.body;
        return applyChange(context, { change: { kind: 'maintenance', value: maintenance }, words }, request, reply);
      },
    );
  };
}
