// POST /v1/reload: read the document again. The body is required, so that no web page can make a browser send it.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { checkRevision, ifMatchHeaders } from './changes.ts';
import { type ApiContext, operatorOf, reloadEntry, viaOf } from './context.ts';
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
        try {
          await checkRevision(control, request);
          const result = await control.reload({ force });
          audit(reloadEntry(who, { force, ...result }));
          reply.header('etag', `"${result.revision}"`);
          return { revision: result.revision, changes: result.changes };
        } catch (error) {
          const refused = { before: null, after: { force }, outcome: toToriiError(error).code, revision: null };
          audit({ ...who, action: 'reload', target: null, why: null, forSec: null, ...refused });
          throw error;
        }
      },
    );
  };
}
