// What a running balancer tells its router: policies, aggregates, blackholes, and how it leaves. Its VIPs are of mode local,
// so it needs neither privilege nor a namespace; the router is on loopback and keeps everything in the order it was told.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callApi } from '../../deploy/lab/api-client.ts';
import { until } from '../../deploy/lab/until.ts';
import type { VipView } from '../../src/model/views.ts';
import { freePort } from '../support/free-port.ts';
import { BalancerProcess, balancerProgram, killBalancers } from './support/balancer-process.ts';
import { LoopbackRouter } from './support/loopback-router.ts';

const gracefulShutdown = '65535:0';
const blackhole = '65535:666';
const highestMed = 0xffff_ffff;

let directory = '';
let router: LoopbackRouter;
let balancer: BalancerProcess | undefined;
let listen = '';

const at = (name: string): string => join(directory, name);
/** The first request may wait for the API to be loaded. */
const timeoutMs = 20_000;
const patch = (path: string, body: object) => callApi({ socket: at('api.sock'), path, method: 'PATCH', body, timeoutMs });
const vips = () => callApi<VipView[]>({ socket: at('api.sock'), path: '/v1/vips', timeoutMs });
const local = (address: string, more: object = {}) => ({ address, mode: 'local', ...more });

interface TenantText {
  readonly vips: readonly object[];
  readonly [key: string]: unknown;
}

interface BgpText {
  readonly localAs?: number;
  /** Of the peer. */
  readonly policy?: object;
}

function write(tenants: readonly TenantText[], { localAs = 65010, policy = {} }: BgpText = {}): void {
  const peers = [{ address: '127.0.0.1', port: router.port, as: 65000, ...policy }];
  const node = {
    bgp: { localAs, routerId: '192.0.2.53', drainSec: 1, peers },
    api: { socket: at('api.sock'), listen },
  };
  writeFileSync(
    at('torii.yaml'),
    JSON.stringify({ version: 1, node, tenants: tenants.map((each, i) => ({ name: `t${i}`, ...each })) }),
  );
}

function reload(tenants: readonly TenantText[]): void {
  write(tenants);
  balancer?.signal('SIGHUP');
}

function start(): void {
  balancer = new BalancerProcess({ config: at('torii.yaml'), stateDir: at('state') });
}

const routes = (what: string, ...prefixes: readonly string[]) => router.until(what, () => router.hasRoutes(...prefixes));
const firstRoutes = (...prefixes: readonly string[]) =>
  router.until('all routes', () => router.hasRoutes(...prefixes) && router.told.some(({ kind }) => kind === 'endOfRib'));
const marked = (prefix: string, community: string): boolean =>
  router.routes.get(prefix)?.communities.includes(community) === true;
/** "announce 203.0.113.1/32", of all that was told since. */
const toldSince = (count: number): readonly string[] =>
  router.told.slice(count).map((each) => ('prefix' in each ? `${each.kind} ${each.prefix}` : each.kind));

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'torii-announce-'));
  listen = `127.0.0.1:${await freePort()}`;
  router = await LoopbackRouter.listening('127.0.0.1');
});
afterEach(async () => {
  await killBalancers();
  router.close();
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(!existsSync(balancerProgram))('a balancer', () => {
  const policy = { communities: ['65010:9'], med: 1, prepend: 1 };
  const tenants = [
    {
      communities: ['65010:1'],
      med: 5,
      vips: [local('203.0.113.1'), local('203.0.113.2', { med: 7, communities: ['65010:2'] })],
    },
    { largeCommunities: ['65010:1:2'], vips: [local('203.0.113.3'), local('203.0.113.4', { prepend: 2, localPref: 300 })] },
  ];

  it('sends each route what VIP, tenant and peer say of it, the narrower winning key by key', async () => {
    write(tenants, { policy });
    start();
    await firstRoutes('203.0.113.1/32', '203.0.113.2/32', '203.0.113.3/32', '203.0.113.4/32');
    const told = (n: number) => router.routes.get(`203.0.113.${n}/32`);
    const of = { localPref: null, largeCommunities: [] };
    expect(told(1)).toMatchObject({ ...of, asPath: [65010, 65010], med: 5, communities: ['65010:1'] });
    expect(told(2)).toMatchObject({ ...of, asPath: [65010, 65010], med: 7, communities: ['65010:2'] });
    expect(told(3)).toMatchObject({ asPath: [65010, 65010], med: 1, communities: ['65010:9'], largeCommunities: ['65010:1:2'] });
    expect(told(4)).toMatchObject({ localPref: null, asPath: [65010, 65010, 65010], med: 1, communities: ['65010:9'] });
  });

  it('sends local preference and no path on iBGP, and the lowest of it when it leaves', async () => {
    write(tenants, { localAs: 65000, policy: { ...policy, localPref: 50 } });
    start();
    await firstRoutes('203.0.113.1/32', '203.0.113.2/32', '203.0.113.3/32', '203.0.113.4/32');
    expect(router.routes.get('203.0.113.1/32')).toMatchObject({ asPath: [], localPref: 50, med: 5 });
    expect(router.routes.get('203.0.113.4/32')).toMatchObject({ asPath: [], localPref: 300, med: 1 });
    await patch('/v1/vips/203.0.113.4', { held: true });
    await router.until('the route to be marked', () => marked('203.0.113.4/32', gracefulShutdown));
    expect(router.routes.get('203.0.113.4/32')).toMatchObject({
      localPref: 0,
      med: 1,
      communities: [gracefulShutdown, '65010:9'].sort(byNumber),
    });
    expect(router.routes.get('203.0.113.1/32')).toMatchObject({ localPref: 50 });
  });

  it('announces an aggregate instead of host routes, without a gap, and a blackhole beside it', async () => {
    const both = [local('203.0.113.1'), local('203.0.113.2')];
    write([{ vips: [...both, local('203.0.113.99')] }]);
    start();
    await firstRoutes('203.0.113.1/32', '203.0.113.2/32', '203.0.113.99/32');
    const before = router.told.length;
    const announce = ['203.0.113.0/28'];
    reload([{ announce, communities: ['65010:1'], vips: [...both, local('203.0.113.99')] }]);
    await routes('the aggregate', '203.0.113.0/28', '203.0.113.99/32');
    const order = toldSince(before);
    expect(order.indexOf('announce 203.0.113.0/28')).toBeLessThan(order.indexOf('withdraw 203.0.113.1/32'));
    expect(order.filter((each) => each.startsWith('withdraw'))).toHaveLength(2);

    reload([
      {
        announce,
        communities: ['65010:1'],
        vips: [both[0] ?? {}, local('203.0.113.2', { blackhole: true }), local('203.0.113.99')],
      },
    ]);
    await routes('the blackhole', '203.0.113.0/28', '203.0.113.2/32', '203.0.113.99/32');
    expect(router.routes.get('203.0.113.2/32')?.communities).toEqual(['65010:1', blackhole]);
    expect(marked('203.0.113.0/28', blackhole)).toBe(false);
    const states = async () => (await vips()).map(({ vip, state, reason }) => [vip, state, reason]);
    await until(async () => (await vips()).every(({ state }) => state !== 'withheld'), { what: 'the views', timeoutMs });
    expect(await states()).toEqual([
      ['203.0.113.1', 'announced', 'announced as 203.0.113.0/28'],
      ['203.0.113.2', 'blackhole', 'announced as a blackhole: routers discard its packets'],
      ['203.0.113.99', 'announced', null],
    ]);

    reload([{ vips: [...both, local('203.0.113.99')] }]);
    await routes('host routes again', '203.0.113.1/32', '203.0.113.2/32', '203.0.113.99/32');
    expect(marked('203.0.113.2/32', blackhole)).toBe(false);
  });

  it('leaves for maintenance as it does for good, but keeps its session and comes back', async () => {
    write([{ vips: [local('203.0.113.1'), local('203.0.113.2', { blackhole: true })] }]);
    start();
    const all = ['203.0.113.1/32', '203.0.113.2/32'] as const;
    await firstRoutes(...all);
    let before = router.told.length;
    await patch('/v1/node', { maintenance: true, why: 'new kernel' });
    await routes('the end of the drain');
    const told = router.told.slice(before);
    expect(toldSince(before).map((each) => each.split(' ')[0])).toEqual(['announce', 'announce', 'withdraw', 'withdraw']);
    for (const each of told) {
      if (each.kind !== 'announce') continue;
      expect(each.med).toBe(highestMed);
      expect(each.communities).toEqual(each.prefix === all[1] ? [gracefulShutdown, blackhole] : [gracefulShutdown]);
    }
    const reasons = async () => (await vips()).map(({ reason }) => reason?.replace(/by \w+/, 'by somebody'));
    await until(async () => (await reasons())[0] === 'maintenance by somebody: new kernel', { what: 'the view', timeoutMs });
    expect((await vips()).map(({ state }) => state)).toEqual(['withheld', 'withheld']);

    before = router.told.length;
    await patch('/v1/node', { maintenance: false });
    await routes('the return', ...all);
    expect(router.routes.get(all[0])).toMatchObject({ med: null, communities: [] });
    expect(router.told.filter(({ kind }) => kind === 'open')).toHaveLength(1);

    before = router.told.length;
    balancer?.signal('SIGTERM');
    await router.until('the end', () => router.told.at(-1)?.kind === 'end');
    expect(toldSince(before).map((each) => each.split(' ')[0])).toEqual([
      'announce',
      'announce',
      'withdraw',
      'withdraw',
      'notification',
      'end',
    ]);
    expect(router.told.at(-2)).toEqual({ kind: 'notification', code: 6, subcode: 2, text: 'torii is shutting down' });
  });
});

function byNumber(a: string, b: string): number {
  return Number(a.split(':')[0]) - Number(b.split(':')[0]);
}
