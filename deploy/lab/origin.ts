// The origin behind each backend's HAProxy: answers with what it was told about the request, so that a client can see
// which backend served it and which client address arrived there.
//
// Run as `node origin.js ID PORT`; prints "ready" once it listens on loopback. GET /healthz, GET /bytes/N (N bytes),
// POST /upload (length and SHA-256 of the body), anything else: {backend, client, vip} as HAProxy saw them.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

const maxBodyBytes = 64 * 1024 * 1024;
const [id = 'origin', port = '8080'] = process.argv.slice(2);

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}

function sendJson(response: ServerResponse, body: object): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
}

function about(request: IncomingMessage): object {
  return { backend: id, client: header(request, 'x-client-address'), vip: header(request, 'x-vip') };
}

function upload(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => sendJson(response, { ...about(request), bytes, sha256: hash.digest('hex') }));
}

const server = createServer((request, response) => {
  const path = request.url ?? '/';
  const size = /^\/bytes\/(\d{1,8})$/.exec(path)?.[1];
  if (request.method === 'POST' && path === '/upload') upload(request, response);
  else if (size !== undefined) response.end(Buffer.alloc(Math.min(Number(size), maxBodyBytes), 0x74));
  else if (path === '/healthz') response.end('ok\n');
  else sendJson(response, about(request));
});
// HAProxy keeps connections to the origin for reuse; it, not the origin, should be the one to end them.
server.keepAliveTimeout = 120_000;
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
