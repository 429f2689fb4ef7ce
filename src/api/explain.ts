// GET /v1/explain?flow=…: where a flow would go now, and why, step by step.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import { flowText, readFlow } from '../model/flow.ts';
import type { ApiContext } from './context.ts';
import { errorResponses, explainView } from './schemas.ts';

const querystring = z.strictObject({
  flow: z.string().max(200).describe('"tcp 198.51.100.7:40000 203.0.113.10:80" or "198.51.100.7:40000 > 203.0.113.10:80/tcp"'),
});

export function explainRoutes({ control }: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/explain',
      {
        schema: { summary: 'Explain a flow', tags: ['explain'], querystring, response: { 200: explainView, ...errorResponses } },
      },
      async (request) => {
        const flow = readFlow(request.query.flow);
        if (typeof flow === 'string') throw new ToriiError('bad_request', `flow: ${flow}`);
        return control.explain(flowText(flow));
      },
    );
  };
}
