// Everything that goes wrong in a request becomes one JSON shape, {error: {code, message, detail}}, with the HTTP
// status of the error table. A defect of ours is logged whole and answered without particulars.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { ToriiError } from '../errors.ts';
import { bodyOf } from './client-error.ts';

export function toToriiError(error: unknown): ToriiError {
  if (error instanceof ToriiError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(({ instancePath, message }) => ({
      path: instancePath.slice(1),
      message: message ?? '',
    }));
    const where = error.validationContext ?? 'request';
    const all = problems.map(
      ({ path, message }) => `${path === '' ? where : `${where}.${path.replaceAll('/', '.')}`}: ${message}`,
    );
    return new ToriiError('bad_request', all.join('; '), { detail: problems });
  }
  // Fastify's own refusals: body too large, broken JSON, wrong content type.
  const status = (error as Partial<FastifyError> | null)?.statusCode ?? 500;
  if (status >= 400 && status < 500) return new ToriiError('bad_request', (error as FastifyError).message, { cause: error });
  return new ToriiError('internal', 'a defect in torii; its log has the particulars', { cause: error });
}

export async function sendFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const failure = toToriiError(error);
  // A node that is starting says so to whoever probes it; that is no error of anybody's.
  const isDefect = failure.httpStatus >= 500 && failure.code !== 'not_ready';
  if (isDefect) request.log.error({ err: failure.cause ?? failure, url: request.url }, failure.message);
  return reply.code(failure.httpStatus).send(bodyOf(failure));
}

export async function sendNoRoute(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const message = `expected a route of /v1/openapi.json, got ${request.method} ${request.url}`;
  return sendFailure(new ToriiError('not_found', message), request, reply);
}
