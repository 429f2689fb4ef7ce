import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { HealthChange } from '../../../src/health/check.ts';
import type * as Remote from '../../../src/health/remote-monitor.ts';
import { type HealthCheck, type HealthTarget, healthKey } from '../../../src/model/health-check.ts';

// A worker can only load JavaScript, so this tests what `npm run build` made.
const built = new URL('../../../dist/src/health/remote-monitor.js', import.meta.url);
const remote = existsSync(built) ? ((await import(built.href)) as typeof Remote) : undefined;

const encode = (targets: readonly HealthTarget[]) => new TextEncoder().encode(JSON.stringify(targets));
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function backend(): Promise<{ readonly target: HealthTarget; readonly answer: (status: number) => void }> {
  let status = 200;
  const server = createServer((_, response) => response.writeHead(status).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const check: HealthCheck = { kind: 'http', port, path: '/', intervalMs: 20, timeoutMs: 1000, rise: 2, fall: 2 };
  const target = { key: healthKey('web', '127.0.0.1', check), address: '127.0.0.1', check };
  return { target, answer: (next) => void (status = next) };
}

/** A started thread and a way to await the next change. */
function started() {
  if (remote === undefined) throw new Error('not built: npm run build');
  const seen: HealthChange[] = [];
  let wake = () => {};
  const thread = remote.startChecksThread({
    onChanges: (changes) => {
      seen.push(...changes);
      wake();
    },
    onLog: () => {},
  });
  cleanUps.push(() => thread.close());
  const next = async (): Promise<HealthChange> => {
    for (;;) {
      const change = seen.shift();
      if (change !== undefined) return change;
      await new Promise<void>((resolve) => void (wake = resolve));
    }
  };
  return { thread, next };
}

describe.skipIf(remote === undefined)('the checks thread', () => {
  it('reports a real server up, down when it answers 503, and up again', async () => {
    const { thread, next } = started();
    const { target, answer } = await backend();
    thread.setEncoded(encode([target]));
    expect(await next()).toMatchObject({ key: target.key, health: 'up', reason: null });
    answer(503);
    expect(await next()).toMatchObject({ health: 'down', reason: expect.stringContaining('status 503') });
    answer(200);
    expect(await next()).toMatchObject({ health: 'up', reason: null });
    const [row] = await thread.stats();
    expect(row).toMatchObject({ key: target.key, inconclusive: 0 });
    expect(row?.passed).toBeGreaterThanOrEqual(4);
    expect(row?.failed).toBeGreaterThanOrEqual(2);
  });

  it('takes the buffer that it is given', async () => {
    const { thread } = started();
    const json = encode([]);
    thread.setEncoded(json);
    expect(json.byteLength).toBe(0);
    expect(await thread.stats()).toEqual([]);
  });

  it('leaves the rest of a pooled buffer alone', async () => {
    const { thread } = started();
    const pooled = Buffer.from('[]');
    thread.setEncoded(pooled);
    expect(await thread.stats()).toEqual([]);
    expect(pooled.toString()).toBe('[]');
  });

  it('ends, also with a probe under way, and answers who still asks', async () => {
    const { thread } = started();
    const { target } = await backend();
    thread.setEncoded(encode([target]));
    await thread.close();
    expect(await thread.stats()).toEqual([]);
  });
});
