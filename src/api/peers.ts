// GET /v1/peers, GET /v1/peers/{address} and GET /v1/peers/{address}/messages.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import { parseScopedAddress } from '../model/address.ts';
import type { ApiContext } from './context.ts';
import { sendElement, sendJson, sendResource } from './read.ts';
import { errorResponses, peerMessageView, peerView } from './schemas.ts';

const params = z.strictObject({ address: z.string().min(1).max(64) });

function peerName({ address }: z.output<typeof params>): string {
  const name = parseScopedAddress(address);
  if (name === undefined) throw new ToriiError('bad_request', `expected a peer's address, got ${address}`);
  return name;
}

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
      async (request, reply) =>
        sendElement(control, { resource: 'peers', noun: 'peer', key: 'address', name: peerName(request.params) }, reply),
    );
    app.get(
      '/v1/peers/:address/messages',
      {
        schema: {
          summary: 'The last messages of one BGP peer, oldest first',
          tags: ['peers'],
          params,
          response: { 200: z.array(peerMessageView), ...errorResponses },
        },
      },
      async (request, reply) => {
        const name = peerName(request.params);
        const messages = await control.messages(name);
        if (messages === undefined) throw new ToriiError('not_found', `no peer ${name}; GET /v1/peers lists all`);
        return sendJson(Buffer.from(JSON.stringify(messages)), reply);
      },
    );
  };
}
