// Everything that goes wrong in a request becomes one JSON shape, {error: {code, message, detail}}, with the HTTP
// status of the error table. A defect of ours is logged whole and answered without particulars.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { type ErrorCode, ToriiError } from '../errors.ts';
import { bodyOf } from './client-error.ts';

export const bodyLimitBytes = 64 * 1024;

const defects: ReadonlySet<ErrorCode> = new Set(['internal', 'snapshot_invalid', 'addon_mismatch']);

/** What fastify says in words that name neither what was expected nor what came. */
const refusals: ReadonlyMap<string, readonly [ErrorCode, string]> = new Map([
  ['FST_ERR_CTP_BODY_TOO_LARGE', ['body_too_large', `expected a body of at most ${bodyLimitBytes} bytes, got a larger one`]],
  [
    'FST_ERR_CTP_INVALID_MEDIA_TYPE',
    ['body_unsupported', 'expected a body of content-type application/json, got another type or none'],
  ],
  ['FST_ERR_CTP_EMPTY_JSON_BODY', ['bad_request', 'expected a JSON object as body, like {}, got nothing']],
  ['FST_ERR_CTP_INVALID_JSON_BODY', ['bad_request', 'expected a JSON object as body, got what is no JSON']],
]);

/** "Invalid input: expected object, received null" → "expected object, got null". */
function inOurWords(message: string): string {
  return message
    .replace(/^Invalid (input|option|type): expected/, 'expected')
    .replace(/, received (\S+)$/, ', got $1')
    .replace(/^Too big: expected \w+ to (?:be|have) <=(.*)$/, 'expected at most $1, got more')
    .replace(/^Too small: expected \w+ to (?:be|have) >=(.*)$/, 'expected at least $1, got less')
    .replace(/^Unrecognized key/, 'unknown key');
}

export function toToriiError(error: unknown): ToriiError {
  if (error instanceof ToriiError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(({ instancePath, message }) => ({
      path: instancePath.slice(1),
      message: inOurWords(message ?? ''),
    }));
    const where = error.validationContext ?? 'request';
    const all = problems.map(
      ({ path, message }) => `${path === '' ? where : `${where}.${path.replaceAll('/', '.')}`}: ${message}`,
    );
    return new ToriiError('bad_request', all.join('; '), { detail: problems });
  }
  // Fastify's own refusals: body too large, broken JSON, wrong content type.
  const { statusCode = 500, code = '', message = '' } = (error ?? {}) as Partial<FastifyError>;
  if (statusCode >= 400 && statusCode < 500) {
    const [ours, words] = refusals.get(code) ?? ['bad_request', message];
    return new ToriiError(ours, words, { cause: error });
  }
  return new ToriiError('internal', 'a defect in torii; its log has the particulars', { cause: error });
}

export async function sendFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const failure = toToriiError(error);
  // A document that cannot be read, or a node that is starting, is none, and who has to know is told without a stack.
  const isDefect = defects.has(failure.code);
  if (isDefect) request.log.error({ err: failure.cause ?? failure, url: request.url }, failure.message);
  return reply.code(failure.httpStatus).send(bodyOf(failure));
}

export async function sendNoRoute(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const message = `expected a route of /v1/openapi.json, got ${request.method} ${request.originalUrl}`;
  return sendFailure(new ToriiError('not_found', message), request, reply);
}
