// The one JSON shape of a failure, and its answer to what no route ever sees. Apart from failures.ts, so that listening needs
// neither fastify nor the schemas.

import type { Duplex } from 'node:stream';
import { ToriiError } from '../errors.ts';

/** A request that is not HTTP, headers too large, or too slow in coming. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const failure = new ToriiError('bad_request', `expected an HTTP/1.1 request, got ${error.message}`);
  const body = JSON.stringify(bodyOf(failure));
  const head = `HTTP/1.1 ${failure.httpStatus} Bad Request\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

export function bodyOf({ code, message, detail }: ToriiError): unknown {
  return { error: { code, message, detail: detail ?? null } };
}
