// GET /v1/backends, PATCH /v1/backends/{target}: the operator's state or weight of one backend.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import { parseAddress } from '../model/address.ts';
import { backendKey, maxWeight } from '../model/backend.ts';
import type { Change } from '../model/views.ts';
import { applyChange, changeWords, ifMatchHeaders } from './changes.ts';
import type { ApiContext } from './context.ts';
import { sendResource } from './read.ts';
import { backendView, errorResponses, operatorState, revisionBody } from './schemas.ts';

const params = z.strictObject({
  target: z.string().min(1).max(200).describe('pool/address, percent-encoded; the address alone where only one pool has it'),
});

const body = z
  .strictObject({
    state: operatorState.nullable().optional().describe('null takes the word back: the document holds again'),
    weight: z.number().int().min(0).max(maxWeight).nullable().optional().describe('null takes the word back'),
    ...changeWords,
  })
  .refine(({ state, weight }) => (state === undefined) !== (weight === undefined), 'expected exactly one of state and weight');

/** The target with its address canonical; whether it exists is the node's to say. */
function canonicalTarget(target: string): string {
  const slash = target.lastIndexOf('/');
  const address = parseAddress(target.slice(slash + 1));
  if (address === undefined) throw new ToriiError('bad_request', `expected a backend like acme-web/10.0.2.21, got ${target}`);
  return slash === -1 ? address : backendKey(target.slice(0, slash), address);
}

export function backendRoutes(context: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/backends',
      { schema: { summary: 'All backends', tags: ['backends'], response: { 200: z.array(backendView), ...errorResponses } } },
      async (_request, reply) => sendResource(context.control, 'backends', reply),
    );
    app.patch(
      '/v1/backends/:target',
      {
        schema: {
          summary: 'Drain, disable, enable or weigh a backend',
          tags: ['backends'],
          params,
          headers: ifMatchHeaders,
          body,
          response: { 200: revisionBody, ...errorResponses },
        },
      },
      async (request, reply) => {
        const { state, weight, ...words } = request.body;
        const target = canonicalTarget(request.params.target);
        const change: Change =
          state === undefined ? { kind: 'weight', target, value: weight ?? null } : { kind: 'state', target, value: state };
        return applyChange(context, { change, words }, request, reply);
      },
    );
  };
}
