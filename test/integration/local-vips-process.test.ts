// A balancer that only announces, as a user without any privilege runs it: on loopback, with routers on loopback that see
// every byte it says. It needs neither root nor a namespace; started by root, it becomes nobody first.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callApi } from '../../deploy/lab/api-client.ts';
import { until } from '../../deploy/lab/until.ts';
import type { PeerStatus } from '../../src/model/peer.ts';
import type { StatusView, VipView } from '../../src/model/views.ts';
import { freePort } from '../support/free-port.ts';
import { BalancerProcess, balancerProgram, killBalancers } from './support/balancer-process.ts';
import { LoopbackRouter } from './support/loopback-router.ts';

const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;
/** A checkout that only root may read cannot be run by anybody else. */
const canRun =
  existsSync(balancerProgram) && spawnSync(process.execPath, [balancerProgram, '--version'], { ...nobody }).status === 0;

const hasIpv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'));

const checked = '203.0.113.53';
const unchecked = '203.0.113.54';
const gracefulShutdown = '65535:0';
const open: { close(): unknown }[] = [];
let directory = '';
let servicePort = 0;
let apiPort = 0;

const at = (name: string): string => join(directory, name);
/** The first request may wait for the API to be loaded. */
const timeoutMs = 20_000;
const get = <View>(path: string): Promise<View> => callApi<View>({ socket: at('api.sock'), path, timeoutMs });
const patch = (path: string, body: object) => callApi({ socket: at('api.sock'), path, method: 'PATCH', body, timeoutMs });

interface Words {
  readonly bgp: object;
  readonly vips?: readonly object[];
  readonly socket?: string;
}

function writeDocument({ bgp, vips = [], socket = at('api.sock') }: Words): void {
  const node = {
    bgp: { localAs: 65010, routerId: '192.0.2.53', drainSec: 1, ...bgp },
    api: { socket, listen: `127.0.0.1:${apiPort}` },
  };
  const check = { type: 'tcp', port: servicePort, address: '127.0.0.1', intervalMs: 50, rise: 2, fall: 3 };
  const all = [{ address: checked, mode: 'local', healthCheck: check }, { address: unchecked, mode: 'local' }, ...vips];
  const tenants = [{ name: 'dns', communities: ['65010:53'], vips: all }];
  writeFileSync(at('torii.yaml'), JSON.stringify({ version: 1, node, tenants }));
}

async function listen(port = 0): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(port, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function routerAt(address: string): Promise<LoopbackRouter> {
  const router = await LoopbackRouter.listening(address);
  open.push(router);
  return router;
}

/** Calls until the balancer listens and knows the caller. */
async function routerCalling(from: string, to: { readonly address: string; readonly port: number }): Promise<LoopbackRouter> {
  return until(
    async () => {
      const router = await LoopbackRouter.calling(from, to);
      open.push(router);
      await router.until('an answer', () => router.told.length > 0, 5_000);
      return router.told.some(({ kind }) => kind === 'open') ? router : undefined;
    },
    { what: `the balancer to take a call from ${from}`, timeoutMs: 20_000 },
  );
}

const start = (stateDir = at('state')): BalancerProcess =>
  new BalancerProcess({ config: at('torii.yaml'), stateDir, ...(nobody && { user: nobody }) });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'torii-local-'));
  chmodSync(directory, 0o777);
  [servicePort, apiPort] = [await freePort(), await freePort()];
});
afterEach(async () => {
  await killBalancers();
  for (const each of open.splice(0)) each.close();
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(!canRun)('a balancer with local VIPs only, without privilege', () => {
  it('tells routers that it calls and routers that call it; follows the service, operators and the document', async () => {
    const called = await routerAt('127.0.0.1');
    const port = await freePort();
    const peers = [
      { address: '127.0.0.1', port: called.port, as: 65000 },
      { address: '127.0.0.2', as: 65000, passive: true },
    ];
    const bgp = { listen: { address: '127.0.0.1', port }, peers };
    writeDocument({ bgp });
    const daemon = start();
    const caller = await daemon.during(routerCalling('127.0.0.2', { address: '127.0.0.1', port }));
    const both = [called, caller];
    const untilBoth = (what: string, ...prefixes: readonly string[]) =>
      Promise.all(both.map((router) => router.until(what, () => router.hasRoutes(...prefixes))));

    await untilBoth('the VIP without a check alone', `${unchecked}/32`);
    expect(called.told[0]).toEqual({ kind: 'open', as: 65010, holdTimeSec: 9, routerId: '192.0.2.53' });
    await until(async () => (await get<VipView[]>('/v1/vips'))[0]?.health === 'down', { what: 'the check', timeoutMs: 10_000 });
    await until(async () => (await get<VipView[]>('/v1/vips'))[1]?.state === 'announced', {
      what: 'the other',
      timeoutMs: 10_000,
    });
    expect(await get<VipView[]>('/v1/vips')).toMatchObject([
      { vip: checked, mode: 'local', state: 'withheld', reason: expect.stringContaining('connection refused'), pool: null },
      { vip: unchecked, mode: 'local', state: 'announced', reason: null, health: 'up' },
    ]);

    let service = await listen(servicePort);
    await untilBoth('the checked VIP', `${checked}/32`, `${unchecked}/32`);
    expect(called.routes.get(`${checked}/32`)).toMatchObject({ nextHop: '127.0.0.1', communities: ['65010:53'], med: null });

    service.close();
    await untilBoth('its withdrawal', `${unchecked}/32`);
    service = await listen(servicePort);
    await untilBoth('its return', `${checked}/32`, `${unchecked}/32`);

    await patch(`/v1/vips/${checked}`, { held: true, why: 'test' });
    await untilBoth('the hold', `${unchecked}/32`);
    await patch(`/v1/vips/${checked}`, { held: false });
    await untilBoth('the release', `${checked}/32`, `${unchecked}/32`);

    writeDocument({ bgp, vips: [{ address: '198.51.100.0/24', mode: 'local', med: 7 }] });
    daemon.signal('SIGHUP');
    await untilBoth('the added VIP', `${checked}/32`, `${unchecked}/32`, '198.51.100.0/24');
    expect(caller.routes.get('198.51.100.0/24')).toMatchObject({ med: 7 });
    writeDocument({ bgp });
    daemon.signal('SIGHUP');
    await untilBoth('its removal', `${checked}/32`, `${unchecked}/32`);
    // Nothing of all this cost a session.
    expect(both.flatMap(({ told }) => told.filter(({ kind }) => kind === 'open'))).toHaveLength(2);

    await leavesInOrder(daemon, both);
  });

  async function leavesInOrder(daemon: BalancerProcess, routers: readonly LoopbackRouter[]): Promise<void> {
    const before = routers.map(({ told }) => told.length);
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    for (const [i, router] of routers.entries()) {
      await router.until('the end', () => router.told.at(-1)?.kind === 'end');
      const told = router.told.slice(before[i]);
      const drained = told.flatMap((each) => (each.kind === 'announce' ? [each] : []));
      expect(drained.map(({ prefix }) => prefix).sort()).toEqual([`${checked}/32`, `${unchecked}/32`]);
      for (const { communities, med } of drained) {
        expect(communities).toContain(gracefulShutdown);
        expect(med).toBe(0xffff_ffff);
      }
      expect(told.map(({ kind }) => kind)).toEqual(['announce', 'announce', 'withdraw', 'withdraw', 'notification', 'end']);
      expect(told.at(-2)).toEqual({ kind: 'notification', code: 6, subcode: 2, text: 'torii is shutting down' });
    }
  }

  it('is gone at once when it is told to end a second time, whatever is left of the drain', async () => {
    const router = await routerAt('127.0.0.1');
    const bgp = { drainSec: 300, peers: [{ address: '127.0.0.1', port: router.port, as: 65000 }] };
    writeDocument({ bgp });
    const daemon = start();
    await daemon.during(router.until('the VIP', () => router.hasRoutes(`${unchecked}/32`)));
    daemon.signal('SIGTERM');
    await daemon.during(
      router.until('the drain', () => router.routes.get(`${unchecked}/32`)?.communities.includes(gracefulShutdown) === true),
    );
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(143);
    await router.until('the end', () => router.told.at(-1)?.kind === 'end');
    expect(router.told.at(-2)?.kind).toBe('announce');
  });

  it('holds no privilege, and has neither the packet path nor BPF in it', async () => {
    const router = await routerAt('127.0.0.1');
    writeDocument({ bgp: { peers: [{ address: '127.0.0.1', port: router.port, as: 65000 }] } });
    const daemon = start();
    await daemon.during(router.until('a route', () => router.hasRoutes(`${unchecked}/32`)));
    const proc = `/proc/${daemon.pid}`;
    const maps = readFileSync(`${proc}/maps`, 'utf8');
    expect(maps).toContain('native/build/net.node');
    expect(maps).not.toContain('dataplane.node');
    expect(readFileSync(`${proc}/status`, 'utf8')).toMatch(/^CapEff:\s+0+$/m);
    expect(await get<object>('/readyz')).toEqual({ status: 'ok' });
    // What the speaker tells the API of its sessions comes a moment after the routes.
    const isTold = async () => (await get<StatusView>('/v1/status')).vips.announced === 1;
    await until(isTold, { what: 'the API to hear of the session', timeoutMs: 10_000 });
    expect(await get<StatusView>('/v1/status')).toMatchObject({
      ready: true,
      node: null,
      engine: 'none',
      workers: [],
      vips: { total: 2, announced: 1 },
      backends: { total: 0, usable: 0 },
      warnings: [],
    });
    const explained = callApi({
      socket: at('api.sock'),
      path: `/v1/explain?flow=${encodeURIComponent(`tcp 198.51.100.7:40000 ${checked}:53`)}`,
    });
    await expect(explained).rejects.toThrow('this node forwards nothing: node.devices is empty');
  });

  it.skipIf(!hasIpv6)('speaks over IPv6 loopback, called and calling, each session with the routes of its family', async () => {
    const [fourth, sixth] = [await routerAt('127.0.0.1'), await routerAt('::1')];
    const vips = [{ address: '2001:db8::53', mode: 'local', protocol: 'udp' }];
    const peers = (passive: boolean) => [
      { address: '127.0.0.1', port: fourth.port, as: 65000 },
      { address: '::1', port: sixth.port, as: 65000, passive },
    ];
    const listenAt = { address: '::1', port: await freePort() };
    writeDocument({ bgp: { peers: peers(false), listen: listenAt }, vips });
    const daemon = start();
    const untilTold = (router: LoopbackRouter, ...prefixes: readonly string[]) =>
      daemon.during(router.until('its family alone', () => router.hasRoutes(...prefixes)));
    await untilTold(fourth, `${unchecked}/32`);
    await untilTold(sixth, '2001:db8::53/128');
    expect(sixth.routes.get('2001:db8::53/128')).toMatchObject({ nextHop: '::1', communities: ['65010:53'] });
    const udp = async () => (await get<VipView[]>('/v1/vips')).find(({ vip }) => vip === '[2001:db8::53]:*/udp')?.state;
    await until(async () => (await udp()) === 'announced', { what: 'the API to say so', timeoutMs: 10_000 });

    writeDocument({ bgp: { peers: peers(true), listen: listenAt }, vips });
    daemon.signal('SIGHUP');
    await sixth.until('the end of the session', () => sixth.told.at(-1)?.kind === 'end');
    expect(sixth.told.at(-2)).toMatchObject({ kind: 'notification', code: 6, subcode: 6 });
    await untilTold(await routerCalling('::1', listenAt), '2001:db8::53/128');
  });

  it('has a session with a second router while the first never answers', async () => {
    const silent = await listen();
    const router = await routerAt('127.0.0.3');
    const peers = [
      { address: '127.0.0.1', port: portOf(silent), as: 65000 },
      { address: '127.0.0.3', port: router.port, as: 65000, localAddress: '127.0.0.9' },
    ];
    writeDocument({ bgp: { peers } });
    await start().during(router.until('a route', () => router.hasRoutes(`${unchecked}/32`)));
    expect(router.routes.get(`${unchecked}/32`)?.nextHop).toBe('127.0.0.9');
    const states = async () => (await get<PeerStatus[]>('/v1/peers')).map(({ address, state }) => `${address} ${state}`).join();
    await until(async () => (await states()) === '127.0.0.1 openSent,127.0.0.3 established', {
      what: 'one session established, the other waiting for an answer',
      timeoutMs: 10_000,
    });
  });

  it('announces where it can keep nothing and can make no socket, and says both', async () => {
    const router = await routerAt('127.0.0.1');
    writeFileSync(at('file'), '');
    mkdirSync(at('taken'), { mode: 0o555 });
    chmodSync(at('taken'), 0o555);
    const socket = join(nobody === undefined ? at('file') : at('taken'), 'run', 'api.sock');
    writeDocument({ bgp: { peers: [{ address: '127.0.0.1', port: router.port, as: 65000 }] }, socket });
    const daemon = start(join(at('file'), 'state'));
    await daemon.during(router.until('a route', () => router.hasRoutes(`${unchecked}/32`)));
    const { warnings } = await until(
      async () => (await (await fetch(`http://127.0.0.1:${apiPort}/v1/status`)).json()) as StatusView,
      { what: 'the API on its port', timeoutMs: 10_000 },
    );
    expect(warnings.join('\n')).toContain('the state directory cannot be written');
    expect(warnings.join('\n')).toContain(`${socket}: `);
    expect(warnings.join('\n')).toContain(`the API answers on 127.0.0.1:${apiPort} only`);
    expect(daemon.output).toContain('the state directory cannot be written');
  });

  it('does not start where its port is taken, and says by what key', async () => {
    const taken = await listen(apiPort);
    writeDocument({ bgp: { peers: [] } });
    const daemon = start();
    expect(await daemon.ended()).toBe(7);
    expect(daemon.output).toContain(`node.api: 127.0.0.1:${portOf(taken)} is taken by another process`);
  });
});
