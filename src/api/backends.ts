// GET /v1/backends, GET and PATCH /v1/backends/{target}: the operator's state or weight of one backend. A target with its pool
// holds '/', which clients may percent-encode (app.ts).

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import { parseAddress } from '../model/address.ts';
import { backendKey, maxWeight } from '../model/backend.ts';
import type { BackendView, Change, NodeControl } from '../model/views.ts';
import { applyChange, changeWords, ifMatchHeaders } from './changes.ts';
import type { ApiContext } from './context.ts';
import { pickElements } from './pick.ts';
import { sendJson, sendResource } from './read.ts';
import { backendView, errorResponses, operatorState, revisionBody } from './schemas.ts';

const params = z.strictObject({
  target: z
    .string()
    .min(1)
    .max(200)
    .describe('pool/address, percent-encoded or as it is; the address alone where only one pool has it'),
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

/** The one backend that a canonical target names. Throws not_found, or bad_request where it could be several. */
async function backendOf(control: NodeControl, target: string): Promise<BackendView> {
  const address = target.slice(target.lastIndexOf('/') + 1);
  const isTarget = (each: BackendView): boolean =>
    [address, backendKey(each.pool, address)].includes(target) && each.address === address;
  const [backend, ...more] = pickElements<BackendView>(await control.read('backends'), JSON.stringify(address), isTarget);
  if (backend === undefined) throw new ToriiError('not_found', `no backend ${target}; GET /v1/backends lists all`);
  if (more.length === 0) return backend;
  const candidates = [backend, ...more].map(({ pool }) => backendKey(pool, address)).join(' or ');
  throw new ToriiError('bad_request', `${address} is in several pools: expected ${candidates}`);
}

export function backendRoutes(context: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/backends',
      { schema: { summary: 'All backends', tags: ['backends'], response: { 200: z.array(backendView), ...errorResponses } } },
      async (_request, reply) => sendResource(context.control, 'backends', reply),
    );
    app.get(
      '/v1/backends/:target',
      { schema: { summary: 'One backend', tags: ['backends'], params, response: { 200: backendView, ...errorResponses } } },
      async (request, reply) => {
        const backend = await backendOf(context.control, canonicalTarget(request.params.target));
        return sendJson(Buffer.from(JSON.stringify(backend)), reply);
      },
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
