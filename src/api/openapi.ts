// /v1/openapi.json, generated from the zod schemas of the routes. Registered before them: it listens to onRoute.

import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

export async function registerOpenapi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Torii',
        version,
        description:
          'One node of a layer-4 load balancer. Changes take If-Match with the revision; errors are {error: {code, message, detail}}. The Unix socket lets in whom its mode lets in; the loopback port lets in every process of the host, and no name given there is believed.',
      },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  app.get('/v1/openapi.json', { schema: { hide: true } }, async () => withoutInputs(app.swagger()));
}

/** The provider names every schema twice, as answer and as input; no named schema of ours is an input. */
function withoutInputs(document: ReturnType<FastifyInstance['swagger']>): unknown {
  if (typeof document === 'string' || !('components' in document)) return document;
  const schemas = Object.entries(document.components?.schemas ?? {}).filter(([name]) => !name.endsWith('Input'));
  return { ...document, components: { ...document.components, schemas: Object.fromEntries(schemas) } };
}
