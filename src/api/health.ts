// /healthz: the main thread answers. /readyz: a document is applied, adopted by every worker, and they all make progress;
// a node without a packet path is ready, too, and `torii vips` says why it announces nothing. /metrics: Prometheus.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import type { ApiContext } from './context.ts';
import { errorResponses } from './schemas.ts';

const ok = z.strictObject({ status: z.literal('ok') });
const exposition = { 200: { description: 'text exposition 0.0.4', content: { 'text/plain': { schema: z.unknown() } } } };

export function healthRoutes({ control, metricsText }: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get('/healthz', { schema: { summary: 'The daemon runs', tags: ['health'], response: { 200: ok } } }, async () => ({
      status: 'ok' as const,
    }));
    app.get(
      '/readyz',
      {
        schema: {
          summary: 'A document is in force and the packet path, where node.devices has one, works',
          tags: ['health'],
          response: { 200: ok, ...errorResponses },
        },
      },
      async () => {
        if (!control.ready())
          throw new ToriiError('not_ready', 'no document is applied and adopted by every worker yet; see torii status');
        return { status: 'ok' as const };
      },
    );
    app.get(
      '/metrics',
      { schema: { summary: 'Prometheus metrics', tags: ['health'], response: exposition } },
      async (_request, reply) => {
        const text = await metricsText();
        return reply
          .header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
          .send(Buffer.from(text.buffer, text.byteOffset, text.byteLength));
      },
    );
  };
}
