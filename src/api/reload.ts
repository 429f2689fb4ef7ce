// POST /v1/reload: read the document again. The body is required, so that no web page can make a browser send it.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { checkRevision, ifMatchHeaders } from './changes.ts';
import { type ApiContext, operatorOf, viaOf } from './context.ts';
import { toToriiError } from './failures.ts';
import { errorResponses } from './schemas.ts';

const body = z.strictObject({
  force: z.boolean().default(false).describe('apply even a document that loses more than half of the VIPs or backends'),
});
const answer = z
  .strictObject({ revision: z.number().int(), changes: z.array(z.string()).readonly() })
  .meta({ id: 'Reload', description: 'changes: one sentence each; empty when the document says the same as before' });

export function reloadRoutes({ control, audit }: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.post(
      '/v1/reload',
      {
        schema: {
          summary: 'Read the document again and apply it whole, or keep the old one',
          tags: ['node'],
          headers: ifMatchHeaders,
          body,
          response: { 200: answer, ...errorResponses },
        },
      },
      async (request, reply) => {
        const { force } = request.body;
        const who = { at: new Date().toISOString(), by: operatorOf(request), via: viaOf(request) };
        const entry = { ...who, action: 'reload', target: null, before: null, why: null, forSec: null };
        try {
          await checkRevision(control, request);
          const result = await control.reload({ force });
          audit({ ...entry, after: { force, changes: result.changes.length }, outcome: 'applied', revision: result.revision });
          reply.header('etag', `"${result.revision}"`);
          return { revision: result.revision, changes: result.changes };
        } catch (error) {
          audit({ ...entry, after: { force }, outcome: toToriiError(error).code, revision: null });
          throw error;
        }
      },
    );
  };
}
