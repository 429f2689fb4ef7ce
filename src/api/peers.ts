// GET /v1/peers and GET /v1/peers/{address}.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import { parseScopedAddress } from '../model/address.ts';
import type { ApiContext } from './context.ts';
import { sendElement, sendResource } from './read.ts';
import { errorResponses, peerView } from './schemas.ts';

const params = z.strictObject({ address: z.string().min(1).max(64) });

export function peerRoutes({ control }: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/peers',
      { schema: { summary: 'All BGP peers', tags: ['peers'], response: { 200: z.array(peerView), ...errorResponses } } },
      async (_request, reply) => sendResource(control, 'peers', reply),
    );
    app.get(
      '/v1/peers/:address',
      { schema: { summary: 'One BGP peer', tags: ['peers'], params, response: { 200: peerView, ...errorResponses } } },
      async (request, reply) => {
        const name = parseScopedAddress(request.params.address);
        if (name === undefined) throw new ToriiError('bad_request', `expected a peer's address, got ${request.params.address}`);
        return sendElement(control, { resource: 'peers', noun: 'peer', key: 'address', name }, reply);
      },
    );
  };
}
