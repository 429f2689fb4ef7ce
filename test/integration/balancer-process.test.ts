// The balancer's process from its start to its end, as an operator meets it: documents, signals, exit codes. Without a
// device it needs no privilege and no namespace; forwarding is the lab's matter.

import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callApi } from '../../deploy/lab/api-client.ts';
import { until } from '../../deploy/lab/until.ts';
import type { StatusView, VipView } from '../../src/model/views.ts';
import { freePort } from '../support/free-port.ts';
import { BalancerProcess, balancerProgram, killBalancers } from './support/balancer-process.ts';

let directory = '';
let listen = '';

const at = (name: string): string => join(directory, name);
const get = <View>(path: string): Promise<View> => callApi<View>({ socket: at('api.sock'), path });

function documentOf(addresses: readonly string[]): string {
  return JSON.stringify(
    {
      version: 1,
      node: { address: '10.0.1.11', api: { socket: at('api.sock'), listen } },
      tenants: [{ name: 'acme', vips: addresses.map((address) => ({ address, protocol: 'tcp', ports: [80], pool: 'web' })) }],
      pools: { web: { backends: [{ address: '10.0.2.21' }, { address: '10.0.2.22' }] } },
    },
    null,
    1,
  );
}

const start = (state = 'state'): BalancerProcess => new BalancerProcess({ config: at('torii.yaml'), stateDir: at(state) });

async function startReady(): Promise<BalancerProcess> {
  const balancer = start();
  const ready = until(() => get('/readyz').then(() => true), { what: 'the balancer to be ready', timeoutMs: 15_000 });
  await balancer.during(ready);
  return balancer;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'torii-process-'));
  listen = `127.0.0.1:${await freePort()}`;
});
afterEach(async () => {
  await killBalancers();
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(!existsSync(balancerProgram))('a balancer process', () => {
  it('gets ready, tells why nothing is announced, and ends in order on SIGTERM', async () => {
    writeFileSync(at('torii.yaml'), documentOf(['203.0.113.10']));
    const daemon = await startReady();
    expect(await get<VipView[]>('/v1/vips')).toMatchObject([
      { vip: '203.0.113.10:80/tcp', state: 'withheld', reason: 'node.devices is empty: nothing forwards packets here' },
    ]);
    expect(await get<StatusView>('/v1/status')).toMatchObject({ ready: true, revision: 1, engine: 'none', lastError: null });
    expect(await daemon.end('SIGTERM')).toBe(0);
    expect(existsSync(at('api.sock'))).toBe(false);
  });

  it('keeps the old document when a new one is broken, and takes the mended one that is renamed over it', async () => {
    writeFileSync(at('torii.yaml'), documentOf(['203.0.113.10']));
    const daemon = await startReady();
    writeFileSync(at('torii.yaml'), documentOf(['203.0.113.10']).replace('"tcp"', '"sctp"'));
    daemon.signal('SIGHUP');
    const broken = async () => (await get<StatusView>('/v1/status')).lastError?.message;
    await until(broken, { what: 'the problem to be shown', timeoutMs: 5_000 });
    expect(await broken()).toBe(`tenants[0].vips[0].protocol: expected one of tcp, udp, got "sctp" (${at('torii.yaml')}:16)`);
    expect(await get<VipView[]>('/v1/vips')).toHaveLength(1);

    writeFileSync(at('next'), documentOf(['203.0.113.10', '203.0.113.11']));
    renameSync(at('next'), at('torii.yaml'));
    await until(async () => (await get<StatusView>('/v1/status')).revision === 2, { what: 'revision 2', timeoutMs: 5_000 });
    expect((await get<StatusView>('/v1/status')).lastError).toBeNull();
    expect(await get<VipView[]>('/v1/vips')).toHaveLength(2);
    const audited = async () => daemon.output.includes('file reload applied as revision 2');
    await until(audited, { what: 'the audit line of what the file changed', timeoutMs: 5_000 });
    expect(daemon.output).toContain('"before":{"revision":1},"after":{"revision":2,"force":false,"changes":');
  });

  it('starts with the last good document and what operators said, after a crash and with a broken file', async () => {
    writeFileSync(at('torii.yaml'), documentOf(['203.0.113.10']));
    const first = await startReady();
    const body = { state: 'draining', why: 'rack move' };
    await callApi({ socket: at('api.sock'), path: '/v1/backends/web%2F10.0.2.21', method: 'PATCH', body });
    await first.end('SIGKILL');

    writeFileSync(at('torii.yaml'), 'version: 1\nnonsense: true\n');
    await startReady();
    const status = await get<StatusView>('/v1/status');
    expect(status.source).toBe(`last good document of ${at('torii.yaml')}`);
    expect(status.lastError?.message).toContain('nonsense: expected only the keys');
    expect(status.overrides).toMatchObject([{ kind: 'state', target: 'web/10.0.2.21', value: 'draining', why: 'rack move' }]);
    expect(status.revision).toBe(2);
  });

  it('starts without its file from the last good document of that very file, and from no other’s', async () => {
    writeFileSync(at('torii.yaml'), documentOf(['203.0.113.10']));
    await (await startReady()).end('SIGKILL');
    const mistyped = new BalancerProcess({ config: at('tori.yaml'), stateDir: at('state') });
    expect(await mistyped.ended()).toBe(2);
    expect(mistyped.output).toContain(`the last good document is of ${at('torii.yaml')}, so it is not taken`);
    rmSync(at('torii.yaml'));
    await startReady();
    expect((await get<StatusView>('/v1/status')).source).toBe(`last good document of ${at('torii.yaml')}`);
  });

  it('exits with its code and one clear sentence when it cannot start', async () => {
    writeFileSync(at('torii.yaml'), 'version: 2\n');
    const broken = start();
    expect(await broken.ended()).toBe(2);
    expect(broken.output).toContain(`version: expected version 1, got 2 (${at('torii.yaml')}:1)`);

    writeFileSync(at('torii.yaml'), documentOf(['203.0.113.10']));
    await startReady();
    const second = start('other-state');
    expect(await second.ended()).toBe(7);
    expect(second.output).toContain('another torii answers');
  });
});
