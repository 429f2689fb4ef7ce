import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { outcomeOfError } from '../../../src/health/check.ts';
import { probeHttp } from '../../../src/health/http-check.ts';
import { probeTcp } from '../../../src/health/tcp-check.ts';

const address = '127.0.0.1';
const open: Server[] = [];

async function listening(server: Server, host = address): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

const serving = (listener: RequestListener, host?: string) => listening(createHttpServer(listener), host);

async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const never = new AbortController().signal;
const http = (port: number, more: { timeoutMs?: number; path?: string; address?: string } = {}) =>
  probeHttp({ address, port, path: '/healthz', timeoutMs: 5000, ...more }, never);

afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

describe('a TCP check', () => {
  it('passes when the port accepts', async () => {
    const port = await listening(createServer());
    expect(await probeTcp({ address, port, timeoutMs: 5000 }, never)).toMatchObject({ kind: 'passed' });
  });

  it('ends as any client does: the service sees the end of the stream and no error, also when it spoke first', async () => {
    const seen = new Promise<string>((resolve) => {
      const server = createServer((socket) => {
        socket.write('220 ready');
        socket.resume();
        socket.on('end', () => resolve('end'));
        socket.on('error', (error) => resolve(error.message));
      });
      void listening(server).then((port) => probeTcp({ address, port, timeoutMs: 5000 }, never));
    });
    expect(await seen).toBe('end');
  });

  it('says that the connection was refused, and by which port', async () => {
    const port = await closedPort();
    const outcome = await probeTcp({ address, port, timeoutMs: 5000 }, never);
    expect(outcome).toMatchObject({ kind: 'failed', reason: `tcp ${port}: connection refused` });
  });

  it('says nothing about the backend when it is aborted', async () => {
    const port = await listening(createServer());
    const abort = new AbortController();
    const outcome = probeTcp({ address, port, timeoutMs: 5000 }, abort.signal);
    abort.abort();
    expect(await outcome).toMatchObject({ kind: 'inconclusive' });
  });
});

describe('an HTTP check', () => {
  it.each([200, 204, 301, 399])('passes with status %i', async (status) => {
    const port = await serving((_, response) => response.writeHead(status).end());
    expect(await http(port)).toMatchObject({ kind: 'passed' });
  });

  it.each([400, 404, 500, 503])('fails with status %i, saying what was expected', async (status) => {
    const port = await serving((_, response) => response.writeHead(status).end('no'));
    expect(await http(port)).toMatchObject({ kind: 'failed', reason: `http ${port}: status ${status}, expected 200 to 399` });
  });

  it('asks for the path at the host it probes', async () => {
    let seen = '';
    const port = await serving((request, response) => {
      seen = `${request.method} ${request.url} ${request.headers.host}`;
      response.end();
    });
    await http(port, { path: '/ready?deep=1' });
    expect(seen).toBe(`GET /ready?deep=1 ${address}:${port}`);
  });

  it('probes over IPv6', async () => {
    let host: string | undefined;
    const port = await serving((request, response) => {
      host = request.headers.host;
      response.end();
    }, '::1');
    expect(await http(port, { address: '::1' })).toMatchObject({ kind: 'passed' });
    expect(host).toBe(`[::1]:${port}`);
  });

  it('does not wait for the end of a body', async () => {
    const port = await serving((_, response) => response.writeHead(200).write('first bytes of an endless stream'));
    expect(await http(port)).toMatchObject({ kind: 'passed' });
  });

  it('fails when no answer comes in time', async () => {
    const port = await listening(createServer((socket) => socket.on('error', () => socket.destroy())));
    expect(await http(port, { timeoutMs: 50 })).toMatchObject({ kind: 'failed', reason: `http ${port}: no answer within 50 ms` });
  });

  it('fails when the answer is no HTTP', async () => {
    const port = await listening(
      createServer((socket) => socket.on('error', () => socket.destroy()).end('SSH-2.0-OpenSSH_9.2\r\n')),
    );
    expect(await http(port)).toMatchObject({ kind: 'failed', reason: expect.stringContaining(`http ${port}: `) });
  });

  it('fails when the connection closes without an answer', async () => {
    const port = await listening(createServer((socket) => socket.on('error', () => socket.destroy()).end()));
    expect(await http(port)).toMatchObject({ kind: 'failed' });
  });

  it('says that the connection was refused', async () => {
    const port = await closedPort();
    expect(await http(port)).toMatchObject({ kind: 'failed', reason: `http ${port}: connection refused` });
  });
});

describe('a socket error', () => {
  it.each(['EMFILE', 'EADDRNOTAVAIL', 'ENOBUFS'])('%s of our own is not held against the backend', (code) => {
    expect(outcomeOfError(Object.assign(new Error(code), { code }), 'tcp 80', 1).kind).toBe('inconclusive');
  });

  it('is told in words', () => {
    const error = Object.assign(new Error('connect EHOSTUNREACH 10.0.2.21:80'), { code: 'EHOSTUNREACH' });
    expect(outcomeOfError(error, 'tcp 80', 1)).toEqual({ kind: 'failed', reason: 'tcp 80: host unreachable', latencyMs: 1 });
  });
});
