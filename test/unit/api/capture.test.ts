import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ToriiError } from '../../../src/errors.ts';
import { captureDefaults } from '../../../src/model/capture.ts';
import { type Harness, startHarness } from './harness.ts';

let api: Harness;

beforeEach(async () => {
  api = await startHarness();
});
afterEach(() => api.close());

const capture = (body: unknown) => api.ask('/v1/capture', { method: 'POST', body });
const pieces = ['first ', 'second'].map((text) => new TextEncoder().encode(text));

/** An answer whose end is not waited for. */
async function open(body: unknown): Promise<IncomingMessage> {
  const outgoing = request({
    socketPath: api.socket,
    path: '/v1/capture',
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json' },
  });
  outgoing.end(JSON.stringify(body));
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  return answer;
}

describe('POST /v1/capture', () => {
  it('gives the file as it grows, and ends with it', async () => {
    api.node.capturePieces = pieces;
    const { status, headers, text } = await capture({ count: 5 });
    expect([status, headers['content-type'], text]).toEqual([200, 'application/x-pcapng', 'first second']);
  });

  it('is bounded in time, size and rate where nothing is asked for', async () => {
    await capture({ count: 5 });
    expect(api.node.captures).toEqual([
      {
        vip: null,
        verdicts: [],
        reasons: [],
        client: null,
        backend: null,
        count: 5,
        ...captureDefaults,
        withOutput: true,
      },
    ]);
  });

  it('ends the capture when its client goes away', async () => {
    api.node.capturePieces = pieces;
    const answer = await open({});
    await once(answer, 'data');
    expect(api.node.capturesStopped).toBe(0);
    answer.destroy();
    await expect.poll(() => api.node.capturesStopped).toBe(1);
  });

  it('is in the audit log, whatever becomes of it', async () => {
    await capture({ count: 5, vip: '203.0.113.10:80/tcp' });
    api.node.failure = new ToriiError('capture_busy', 'a capture is under way; there is one at a time');
    expect((await capture({})).status).toBe(409);
    expect(api.audited).toMatchObject([
      { action: 'capture', target: '203.0.113.10:80/tcp', via: 'socket', outcome: 'applied', forSec: 60 },
      { action: 'capture', target: null, outcome: 'capture_busy' },
    ]);
  });

  it.each([{ count: 0 }, { forSec: 3601 }, { bytes: 100 }, { verdicts: ['lost'] }, { filter: 'tcp' }, { ratePerSec: 1e9 }])(
    'refuses %j',
    async (body) => {
      const { status, text } = await capture(body);
      expect([status, JSON.parse(text).error.code]).toEqual([400, 'bad_request']);
      expect(api.node.captures).toEqual([]);
    },
  );

  it('is refused to pages of another origin, as changes are', async () => {
    const { status } = await api.askTcp('/v1/capture', { method: 'POST', body: {}, headers: { host: 'evil.example' } });
    expect(status).toBe(400);
    expect(api.node.captures).toEqual([]);
  });
});
