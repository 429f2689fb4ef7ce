import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorTable, ToriiError } from '../../../src/errors.ts';
import { type Answer, type Harness, startHarness } from './harness.ts';
import { peerMessages, views } from './memory-node.ts';

let api: Harness;

beforeEach(async () => {
  api = await startHarness();
});

afterEach(() => api.close());

const vipPath = `/v1/vips/${encodeURIComponent('203.0.113.10:80/tcp')}`;
const backendPath = `/v1/backends/${encodeURIComponent('acme-web/10.0.2.21')}`;

describe('reading', () => {
  it.each(['status', 'vips', 'backends', 'pools', 'tenants', 'peers', 'engine'] as const)(
    'gives the bytes of %s untouched',
    async (resource) => {
      const { status, headers, text } = await api.ask(`/v1/${resource}`);
      expect([status, headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
      expect(text).toBe(JSON.stringify(views[resource]));
    },
  );

  it('answers alike on the socket and on the port', async () => {
    expect((await api.askTcp('/v1/vips')).text).toBe((await api.ask('/v1/vips')).text);
  });

  it.each([
    [vipPath, views.vips[0]],
    ['/v1/peers/10.0.1.1', views.peers[0]],
    ['/v1/peers/10.0.1.1/messages', peerMessages],
    ['/v1/tenants/acme', views.tenants[0]],
    ['/v1/pools/acme-web', views.pools[0]],
    [backendPath, views.backends[0]],
    ['/v1/backends/10.0.2.21', views.backends[0]],
    ['/v1/vips/203.0.113.10:80/tcp', views.vips[0]],
    ['/v1/backends/acme-web/10.0.2.21', views.backends[0]],
  ])('gives one element at %s', async (path, expected) => {
    expect(JSON.parse((await api.ask(path)).text)).toEqual(expected);
  });

  it.each([
    '/v1/vips/203.0.113.99%3A80%2Ftcp',
    '/v1/peers/10.9.9.9',
    '/v1/peers/fe80::1%25eth0',
    '/v1/peers/10.9.9.9/messages',
    '/v1/backends/acme-web%2F10.9.9.9',
    '/v1/backends/other%2F10.0.2.21',
    '/v1/tenants/nobody',
    '/v1/nothing',
    '/v1/status/',
    '/v1/vips/203.0.113.99:80/tcp',
  ])('says not_found at %s', async (path) => {
    const { status, text } = await api.ask(path);
    expect([status, JSON.parse(text).error.code]).toEqual([404, 'not_found']);
  });

  it('refuses a query that it would have to ignore', async () => {
    expect((await api.ask('/v1/vips?tenant=acme')).status).toBe(400);
    expect((await api.ask('/v1/vips/203.0.113.10:80/tcp?tenant=acme')).status).toBe(400);
  });

  it('explains a flow in canonical form, however it was written', async () => {
    const flow = encodeURIComponent('198.51.100.7:40000 > 203.0.113.10:80/tcp');
    expect(JSON.parse((await api.ask(`/v1/explain?flow=${flow}`)).text).backend).toBe('10.0.2.21');
    expect(api.node.explained).toEqual(['tcp 198.51.100.7:40000 203.0.113.10:80']);
  });

  it('refuses a flow it cannot read', async () => {
    expect((await api.ask('/v1/explain?flow=web')).status).toBe(400);
    expect((await api.ask('/v1/explain')).status).toBe(400);
  });

  it('gives flows page by page, narrowed as asked', async () => {
    api.node.flowPages = { 7: { flows: [], next: 9 } };
    const path = '/v1/flows?vip=203.0.113.10:80/tcp&backend=10.0.2.21&source=2001:DB8::7&limit=5&from=7';
    expect(JSON.parse((await api.ask(path)).text)).toEqual({ flows: [], next: 9 });
    expect((await api.ask('/v1/flows')).status).toBe(200);
    expect(api.node.asked).toEqual([
      { vip: '203.0.113.10:80/tcp', backend: '10.0.2.21', source: '2001:db8::7', limit: 5, from: 7 },
      { vip: null, backend: null, source: null, limit: 100, from: 0 },
    ]);
    for (const wrong of ['limit=0', 'limit=1001', 'from=-1', 'backend=web', 'pool=web', 'vip=web', 'source=198.51.100.7/8']) {
      expect((await api.ask(`/v1/flows?${wrong}`)).status, wrong).toBe(400);
    }
  });
});

describe('health', () => {
  it('is ready only once the node is', async () => {
    expect((await api.ask('/readyz')).status).toBe(200);
    api.node.isReady = false;
    expect(JSON.parse((await api.ask('/readyz')).text).error.code).toBe('not_ready');
    expect((await api.ask('/readyz')).status).toBe(503);
    expect((await api.ask('/healthz')).status).toBe(200);
    expect(api.errors).toEqual([]);
  });

  it('gives the metrics as Prometheus text', async () => {
    const { headers, text } = await api.ask('/metrics');
    expect([headers['content-type'], text]).toEqual(['text/plain; version=0.0.4; charset=utf-8', 'torii_ready 1\n']);
  });
});

describe('changing', () => {
  it('says in its own words what is out of bounds', async () => {
    const body = (words: object) => ({ method: 'PATCH', body: { state: 'draining', ...words } });
    const messageOf = async (words: object): Promise<string> =>
      JSON.parse((await api.ask(backendPath, body(words))).text).error.message;
    expect(await messageOf({ forSec: 0 })).toBe('body.forSec: expected at least 1, got less');
    expect(await messageOf({ why: 'x'.repeat(501) })).toBe('body.why: expected at most 500 characters, got more');
  });

  it('logs no stack for a document that cannot be read', async () => {
    api.node.failure = new ToriiError('config_unreadable', 'no such file', { cause: new Error('ENOENT') });
    expect((await api.ask('/v1/reload', { method: 'POST', body: {} })).status).toBe(500);
    expect(api.errors).toEqual([]);
  });

  it('drains a backend with reason and end, and audits who, what, before and after', async () => {
    const body = { state: 'draining', why: 'kernel upgrade', forSec: 3600 };
    const { status, headers, text } = await api.ask(backendPath, {
      method: 'PATCH',
      body,
      headers: { 'torii-operator': 'eve@bastion' },
    });
    expect([status, headers['etag'], JSON.parse(text)]).toEqual([200, '"8"', { revision: 8 }]);
    expect(api.node.changes).toEqual([
      {
        change: { kind: 'state', target: 'acme-web/10.0.2.21', value: 'draining' },
        context: { by: 'eve@bastion', why: 'kernel upgrade', forSec: 3600, ifRevision: null },
      },
    ]);
    expect(api.audited).toMatchObject([
      { by: 'eve@bastion', via: 'socket', action: 'state', before: 'active', after: 'draining', outcome: 'applied', revision: 8 },
    ]);
  });

  it.each([
    [backendPath, { weight: 0 }, { kind: 'weight', target: 'acme-web/10.0.2.21', value: 0 }],
    ['/v1/backends/10.0.2.21', { state: null }, { kind: 'state', target: '10.0.2.21', value: null }],
    [vipPath, { held: true }, { kind: 'hold', target: '203.0.113.10:80/tcp', value: true }],
    ['/v1/vips/203.0.113.0/24:80/tcp', { held: true }, { kind: 'hold', target: '203.0.113.0/24:80/tcp', value: true }],
    ['/v1/node', { maintenance: true }, { kind: 'maintenance', value: true }],
  ])('PATCH %s %j is one change', async (path, body, change) => {
    expect((await api.ask(path, { method: 'PATCH', body })).status).toBe(200);
    expect(api.node.changes.map((each) => each.change)).toEqual([change]);
  });

  it('reloads, with force only when asked', async () => {
    const { text } = await api.ask('/v1/reload', { method: 'POST', body: {} });
    expect(JSON.parse(text)).toEqual({ revision: 8, changes: ['pool acme-web: backend 10.0.2.23 added'] });
    await api.ask('/v1/reload', { method: 'POST', body: { force: true } });
    expect(api.node.reloads).toEqual([false, true]);
    expect(api.audited[0]).toMatchObject({ by: 'socket', action: 'reload', outcome: 'applied', revision: 8 });
    expect(api.audited[0]).toMatchObject({ before: { revision: 7 }, after: { revision: 8, force: false, changes: 1 } });
  });

  it.each([
    ['PATCH', backendPath, { state: 'draining' }],
    ['POST', '/v1/reload', {}],
  ])('answers 409 to a %s of %s decided on an older revision', async (method, path, body) => {
    const stale = await api.ask(path, { method, body, headers: { 'if-match': '"6"' } });
    expect([stale.status, JSON.parse(stale.text).error.code]).toEqual([409, 'revision_stale']);
    expect(api.audited).toMatchObject([{ outcome: 'revision_stale', revision: null }]);
    expect((await api.ask(path, { method, body, headers: { 'if-match': '"7"' } })).status).toBe(200);
  });

  it('takes a change decided on any revision, and on the one that the status carries as its ETag', async () => {
    const change = (revision: string): Promise<Answer> =>
      api.ask('/v1/node', { method: 'PATCH', body: { maintenance: true }, headers: { 'if-match': revision } });
    expect((await change('*')).status).toBe(200);
    const { headers } = await api.ask('/v1/status');
    expect(headers['etag']).toBe('"8"');
    expect((await change(headers['etag'] ?? '')).status).toBe(200);
  });

  it.each([
    [backendPath, { state: 'sleeping' }],
    [backendPath, { state: 'active', weight: 1 }],
    [backendPath, { why: 'no change named' }],
    [backendPath, { weight: 65536 }],
    [backendPath, { weight: 1, colour: 'red' }],
    [backendPath, { weight: 1, forSec: -1 }],
    [backendPath, []],
    ['/v1/backends/web-1', { weight: 1 }],
    ['/v1/vips/web', { held: true }],
    [vipPath, {}],
    ['/v1/node', { maintenance: 'yes' }],
  ])('refuses PATCH %s %j and changes nothing', async (path, body) => {
    const { status, text } = await api.ask(path, { method: 'PATCH', body });
    expect([status, JSON.parse(text).error.code]).toEqual([400, 'bad_request']);
    expect(api.node.changes).toEqual([]);
  });

  it.each([
    ['{bad', 'application/json', 'bad_request', 'expected a JSON object as body, got what is no JSON'],
    ['', 'application/json', 'bad_request', 'expected a JSON object as body, like {}, got nothing'],
    ['null', 'application/json', 'bad_request', 'body: expected object, got null'],
    [
      'a=1',
      'application/x-www-form-urlencoded',
      'body_unsupported',
      'expected a body of content-type application/json, got another type or none',
    ],
    [' '.repeat(65_537), 'application/json', 'body_too_large', 'expected a body of at most 65536 bytes, got a larger one'],
  ] as const)('says of the body %.10j of %s what was expected and what came', async (body, type, code, message) => {
    const head = `POST /v1/reload HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: ${type}\r\n`;
    const answer = await api.converse(`${head}content-length: ${body.length}\r\n\r\n${body}`);
    expect(answer).toContain(`HTTP/1.1 ${errorTable[code].httpStatus} `);
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)).error).toMatchObject({ code, message });
    expect(api.node.reloads).toEqual([]);
  });

  it('names the key that is unknown', async () => {
    const { text } = await api.ask(backendPath, { method: 'PATCH', body: { weight: 1, colour: 'red' } });
    expect(JSON.parse(text).error.message).toContain('colour');
  });

  it('refuses a body over its limit', async () => {
    const { status } = await api.ask(backendPath, { method: 'PATCH', body: { weight: 1, why: 'x'.repeat(70_000) } });
    expect(status).toBe(413);
  });

  it('takes nothing that a web page could send without asking', async () => {
    const asText = { method: 'POST', body: {}, headers: { 'content-type': 'text/plain' } };
    expect((await api.askTcp('/v1/reload', asText)).status).toBe(415);
    expect((await api.askTcp('/v1/reload', { method: 'POST' })).status).toBe(400);
    expect((await api.askTcp('/v1/reload', { method: 'POST', body: {}, headers: { host: 'evil.example' } })).status).toBe(400);
    expect(api.node.reloads).toEqual([]);
    expect((await api.askTcp('/v1/reload', { method: 'POST', body: {} })).status).toBe(200);
  });

  it('believes nobody on the loopback port to be who they say', async () => {
    const maintenance = { method: 'PATCH', body: { maintenance: true } };
    await api.askTcp('/v1/node', { ...maintenance, headers: { 'torii-operator': 'root@bastion' } });
    await api.askTcp('/v1/node', maintenance);
    expect(api.audited.map(({ by, via }) => [by, via])).toEqual([
      ['loopback (claims root@bastion)', '127.0.0.1'],
      ['loopback', '127.0.0.1'],
    ]);
  });

  it('takes no operator name that could forge a log line', async () => {
    await api.ask('/v1/node', { method: 'PATCH', body: { maintenance: true }, headers: { 'torii-operator': 'root {"x":1}' } });
    expect(api.audited[0]?.by).toBe('socket');
  });
});

describe('failing', () => {
  it('has the status and shape of the error table', async () => {
    api.node.failure = new ToriiError('config_guarded', 'would lose 3 of 4 VIPs', { detail: { lost: 3 } });
    const { status, text } = await api.ask('/v1/reload', { method: 'POST', body: {} });
    expect(status).toBe(errorTable.config_guarded.httpStatus);
    expect(JSON.parse(text)).toEqual({
      error: { code: 'config_guarded', message: 'would lose 3 of 4 VIPs', detail: { lost: 3 } },
    });
  });

  it.each([
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['headers larger than is allowed', `GET /v1/status HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`],
    ['a path that cannot be decoded', 'GET /v1/vips/%zz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'],
    ['a name of endless length', `GET /v1/vips/${'a'.repeat(400)} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`],
  ])('has that shape also for %s', async (_what, request) => {
    const answer = await api.converse(request);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    const { error } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
    expect(Object.keys(error)).toEqual(['code', 'message', 'detail']);
  });

  it.each([
    ['POST', '/v1/status', 'GET, HEAD'],
    ['OPTIONS', '/v1/status', 'GET, HEAD'],
    ['DELETE', vipPath, 'GET, HEAD, PATCH'],
    ['GET', '/v1/node', 'PATCH'],
    ['GET', '/v1/reload', 'POST'],
    ['PUT', '/metrics', 'GET, HEAD'],
    ['POST', '/v1/openapi.json', 'GET, HEAD'],
  ])('says what it takes when asked to %s %s, whatever the body', async (method, path, allow) => {
    const { status, headers, text } = await api.ask(path, { method, headers: { 'content-type': 'text/csv' } });
    expect([status, headers['allow'], JSON.parse(text).error.code]).toEqual([405, allow, 'method_not_allowed']);
  });

  it('tells no particulars of a defect', async () => {
    api.node.failure = new Error('password was hunter2');
    const { status, text } = await api.ask('/v1/status');
    expect([status, text.includes('hunter2'), JSON.parse(text).error.code]).toEqual([500, false, 'internal']);
    expect(api.errors).toHaveLength(1);
  });
});

describe('whoever connects and says nothing', () => {
  it('is cut off, takes a limited number of descriptors, and never those of the socket', async () => {
    const silent = await Promise.all(Array.from({ length: 128 }, () => api.connectTcp()));
    const refused = await api.connectTcp();
    await once(refused, 'close');
    expect((await api.ask('/healthz')).status).toBe(200);
    await Promise.all(silent.map(async (each) => each.closed || once(each, 'close')));
    expect((await api.askTcp('/healthz')).status).toBe(200);
  });
});

describe('the OpenAPI document', () => {
  it('describes every route, with schemas by name', async () => {
    const document = JSON.parse((await api.ask('/v1/openapi.json')).text);
    expect(Object.keys(document.paths).sort()).toEqual([
      '/healthz',
      '/metrics',
      '/readyz',
      '/v1/backends',
      '/v1/backends/{target}',
      '/v1/capture',
      '/v1/engine',
      '/v1/explain',
      '/v1/flows',
      '/v1/node',
      '/v1/peers',
      '/v1/peers/{address}',
      '/v1/peers/{address}/messages',
      '/v1/pools',
      '/v1/pools/{name}',
      '/v1/reload',
      '/v1/status',
      '/v1/tenants',
      '/v1/tenants/{name}',
      '/v1/vips',
      '/v1/vips/{name}',
    ]);
    const names = [
      'Backend',
      'Bfd',
      'DefaultRoute',
      'Engine',
      'Error',
      'Explanation',
      'Flows',
      'Peer',
      'PeerMessage',
      'Pool',
      'Queue',
      'Reload',
      'Revision',
      'Status',
      'Tenant',
      'Vip',
    ];
    expect(Object.keys(document.components.schemas).sort()).toEqual(names);
    expect(document.paths['/v1/vips/{name}'].get.responses['200'].content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/Vip',
    });
  });
});
