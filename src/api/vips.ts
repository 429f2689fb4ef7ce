// GET /v1/vips, GET and PATCH /v1/vips/{name}. A name holds ':' and '/', which clients may percent-encode (app.ts).

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import { canonicalVipName } from '../model/vip.ts';
import { applyChange, changeWords, ifMatchHeaders } from './changes.ts';
import type { ApiContext } from './context.ts';
import { sendElement, sendResource } from './read.ts';
import { errorResponses, revisionBody, vipView } from './schemas.ts';

const params = z.strictObject({
  name: z
    .string()
    .max(200)
    .describe('203.0.113.10:80/tcp, percent-encoded or as it is; the address alone where its mode is local'),
});
const body = z.strictObject({ held: z.boolean().describe('true withdraws the VIP on this node until released'), ...changeWords });

function canonicalName(name: string): string {
  const canonical = canonicalVipName(name);
  if (canonical === undefined) throw new ToriiError('bad_request', `expected a VIP like 203.0.113.10:80/tcp, got ${name}`);
  return canonical;
}

export function vipRoutes(context: ApiContext): FastifyPluginAsyncZod {
  const { control } = context;
  return async (app) => {
    app.get(
      '/v1/vips',
      { schema: { summary: 'All VIPs', tags: ['vips'], response: { 200: z.array(vipView), ...errorResponses } } },
      async (_request, reply) => sendResource(control, 'vips', reply),
    );
    app.get(
      '/v1/vips/:name',
      { schema: { summary: 'One VIP', tags: ['vips'], params, response: { 200: vipView, ...errorResponses } } },
      async (request, reply) =>
        sendElement(control, { resource: 'vips', noun: 'VIP', key: 'vip', name: canonicalName(request.params.name) }, reply),
    );
    app.patch(
      '/v1/vips/:name',
      {
        schema: {
          summary: 'Hold (withdraw) or release a VIP',
          tags: ['vips'],
          params,
          headers: ifMatchHeaders,
          body,
          response: { 200: revisionBody, ...errorResponses },
        },
      },
      async (request, reply) => {
        const { held, ...words } = request.body;
        const change = { kind: 'hold', target: canonicalName(request.params.name), value: held } as const;
        return applyChange(context, { change, words }, request, reply);
      },
    );
  };
}
