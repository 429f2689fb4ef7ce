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
          'One node of a layer-4 load balancer. Changes take If-Match with the revision; errors are {error: {code, message, detail}}.',
      },
    },
    transform: jsonSchemaTransform,
    transformObject: namedSchemas,
  });
  app.get('/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}

/** The provider names every schema twice, as answer and as input; no named schema of ours is an input. */
const namedSchemas: typeof jsonSchemaTransformObject = (source) => {
  const document = jsonSchemaTransformObject(source);
  const schemas = document.components?.schemas ?? {};
  const answers = Object.fromEntries(Object.entries(schemas).filter(([name]) => !name.endsWith('Input')));
  return { ...document, components: { ...document.components, schemas: answers } } as typeof document;
};
