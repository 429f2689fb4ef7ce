// GET /v1/flows: the flows that the packet path remembers, a bounded page at a time.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ToriiError } from '../errors.ts';
import { isHostPrefix, parseAddress, parsePrefix } from '../model/address.ts';
import { canonicalVipName } from '../model/vip.ts';
import type { ApiContext } from './context.ts';
import { sendJson } from './read.ts';
import { errorResponses, flowsView } from './schemas.ts';

const limits = { default: 100, most: 1000 } as const;

const querystring = z.strictObject({
  vip: z.string().max(100).optional().describe('only of this VIP, like "203.0.113.10:80/tcp"'),
  backend: z.string().max(64).optional().describe('only to this backend, by its address'),
  source: z.string().max(64).optional().describe('only from this client address or prefix'),
  limit: z.coerce.number().int().min(1).max(limits.most).default(limits.default).describe('at most so many'),
  from: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe('"next" of the page before'),
});

function addressOf(key: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  const address = parseAddress(text);
  if (address === undefined) throw new ToriiError('bad_request', `${key}: expected an IP address, got "${text}"`);
  return address;
}

function vipOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  const name = canonicalVipName(text);
  if (name === undefined) throw new ToriiError('bad_request', `vip: expected a VIP like 203.0.113.10:80/tcp, got "${text}"`);
  return name;
}

/** "198.51.100.0/24"; an address stays as it is. */
function prefixOf(key: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  const prefix = parsePrefix(text);
  if (prefix === undefined)
    throw new ToriiError('bad_request', `${key}: expected an address or a prefix like 198.51.100.0/24, got "${text}"`);
  return isHostPrefix(prefix) ? prefix.address : `${prefix.address}/${prefix.length}`;
}

export function flowRoutes({ control }: ApiContext): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/flows',
      {
        schema: {
          summary: 'Flows, a page at a time; needs node.flows.records',
          tags: ['flows'],
          querystring,
          response: { 200: flowsView, ...errorResponses },
        },
      },
      async ({ query: { vip, backend, source, limit, from } }, reply) => {
        const query = {
          vip: vipOf(vip),
          backend: addressOf('backend', backend),
          source: prefixOf('source', source),
          limit,
          from,
        };
        return sendJson(await control.flows(query), reply);
      },
    );
  };
}
