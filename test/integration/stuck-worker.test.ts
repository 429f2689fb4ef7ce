// A packet worker that stands still, with a router that has the routes in its kernel: what the packet path forwards goes,
// what does not need it stays, and all comes back when the worker goes on.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callApi } from '../../deploy/lab/api-client.ts';
import { until } from '../../deploy/lab/until.ts';
import type { VipView } from '../../src/model/views.ts';
import { BgpBed, Bird, routerAddress, routerAs, run, speakerAddress, speakerAs } from './support/bgp-bed.ts';
import { ServiceManager } from './support/service-manager.ts';

const program = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const freezer = fileURLToPath(new URL('../../native/build/freeze', import.meta.url));
const backend = '10.66.0.99';
const forwarded = '203.0.113.10/32';
const aggregate = '203.0.113.32/28';
const local = '203.0.113.53/32';
const blackhole = '203.0.113.66/32';
const watchdogMs = 2000;

const isRoot = process.getuid?.() === 0;
const canRun = isRoot && existsSync(program) && existsSync(freezer);
if (!canRun) console.log('SKIPPED: a stuck worker needs root for namespaces and ptrace, and npm run build');

function documentIn(directory: string): string {
  const vip = (address: string, more: object = {}) => ({ address, protocol: 'tcp', ports: [80], pool: 'web', ...more });
  return JSON.stringify({
    version: 1,
    node: {
      address: speakerAddress,
      devices: [{ name: 'e0', engine: 'af_packet' }],
      flowTable: { entries: 4096 },
      bgp: { localAs: speakerAs, drainSec: 0, peers: [{ address: routerAddress, as: routerAs }] },
      api: { socket: join(directory, 'api.sock'), listen: '127.0.0.1:8470' },
    },
    tenants: [
      {
        name: 'acme',
        announce: [aggregate],
        vips: [
          vip('203.0.113.10'),
          vip('203.0.113.33'),
          { address: '203.0.113.53', mode: 'local' },
          vip('203.0.113.66', { blackhole: true }),
        ],
      },
    ],
    pools: { web: { backends: [{ address: backend }] } },
  });
}

/** Thread ids of the packet workers, by number. */
function workersOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`)
    .map((tid) => ({ tid: Number(tid), name: readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim() }))
    .filter(({ name }) => name.startsWith('torii-worker-'))
    .sort((a, b) => a.name.localeCompare(b.name))
    .map(({ tid }) => tid);
}

async function freeze(tid: number): Promise<ChildProcess> {
  const frozen = spawn(freezer, [String(tid)], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(frozen.stdout, 'data');
  return frozen;
}

describe.skipIf(!canRun)('a balancer with a packet worker that stands still', () => {
  let bed: BgpBed;
  let daemon: ChildProcess;
  let manager: ServiceManager;

  beforeEach(async () => {
    bed = new BgpBed();
    await new Bird(bed).start();
    run(
      'ip',
      '-n',
      bed.speakerNamespace,
      'neigh',
      'add',
      backend,
      'lladdr',
      '02:00:00:00:00:99',
      'dev',
      'e0',
      'nud',
      'permanent',
    );
    writeFileSync(join(bed.directory, 'torii.yaml'), documentIn(bed.directory));
    bed.onClose(end);
    manager = await ServiceManager.listen(join(bed.directory, 'notify.sock'), watchdogMs);
    bed.onClose(() => manager.close());
    start();
  });
  afterEach(() => bed.close());

  const start = (): void => {
    const config = join(bed.directory, 'torii.yaml');
    daemon = spawn('ip', ['netns', 'exec', bed.speakerNamespace, process.execPath, program, 'balancer', '--config', config], {
      env: { ...process.env, ...manager.environment, STATE_DIRECTORY: join(bed.directory, 'state') },
      stdio: 'ignore',
    });
  };
  const end = async (): Promise<void> => {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await ended;
  };

  const reasonOf = async (vip: string): Promise<string | null> => {
    const views = await callApi<VipView[]>({ socket: join(bed.directory, 'api.sock'), path: '/v1/vips', timeoutMs: 20_000 });
    return views.find((view) => view.vip === vip)?.reason ?? null;
  };

  it('withdraws what it forwards and nothing else, says why, and announces it again when the worker goes on', async () => {
    for (const route of [forwarded, aggregate, local, blackhole]) await bed.routeIs(route, true);
    expect(await reasonOf('203.0.113.10:80/tcp')).toBeNull();
    const [tid] = workersOf(daemon.pid ?? 0);
    const frozen = await freeze(tid ?? 0);
    const goneMs = await bed.routeIs(forwarded, false);
    console.log(`the route was gone from the router's kernel ${Math.round(goneMs)} ms after the worker stopped`);
    await bed.routeIs(aggregate, false);
    expect([bed.route(local), bed.route(blackhole)]).not.toContain(undefined);
    expect(await reasonOf('203.0.113.10:80/tcp')).toBe('the packet path makes no progress (worker 0)');
    expect(await reasonOf('203.0.113.53')).toBeNull();

    frozen.stdin?.end();
    await once(frozen, 'exit');
    for (const route of [forwarded, aggregate]) await bed.routeIs(route, true);
    await until(async () => (await reasonOf('203.0.113.10:80/tcp')) === null, { what: 'the reason to go', timeoutMs: 20_000 });
  });

  it('withdraws what it forwards also where the worker stops in the moment of the first announcement', async () => {
    await bed.routeIs(forwarded, true);
    const frozen = await freeze(workersOf(daemon.pid ?? 0)[0] ?? 0);
    const goneMs = await bed.routeIs(forwarded, false);
    console.log(`the route was gone from the router's kernel ${Math.round(goneMs)} ms after the worker stopped`);
    frozen.stdin?.end();
    await once(frozen, 'exit');
    await bed.routeIs(forwarded, true);
  });

  it('withdraws what it forwards and nothing else also while the main thread stands still', async () => {
    for (const route of [forwarded, aggregate, local, blackhole]) await bed.routeIs(route, true);
    const main = await freeze(daemon.pid ?? 0);
    const worker = await freeze(workersOf(daemon.pid ?? 0)[0] ?? 0);
    const goneMs = await bed.routeIs(forwarded, false);
    console.log(`the route was gone from the router's kernel ${Math.round(goneMs)} ms after the worker stopped`);
    await bed.routeIs(aggregate, false);
    expect([bed.route(local), bed.route(blackhole)]).not.toContain(undefined);

    for (const frozen of [worker, main]) {
      frozen.stdin?.end();
      await once(frozen, 'exit');
    }
    for (const route of [forwarded, aggregate]) await bed.routeIs(route, true);
  });

  it('keeps its routes while the main thread alone stands still', async () => {
    await bed.routeIs(forwarded, true);
    const main = await freeze(daemon.pid ?? 0);
    await manager.hears('STARVED', manager.heard.length);
    expect(bed.route(forwarded)).toBeDefined();
    main.stdin?.end();
    await once(main, 'exit');
  });

  it.each([
    ['a packet worker', () => workersOf(daemon.pid ?? 0)[0] ?? 0],
    ['the main thread', () => daemon.pid ?? 0],
  ])(
    'no longer feeds its watchdog once %s stands still, and is there again when it was restarted for that',
    async (_, thread) => {
      await bed.routeIs(forwarded, true);
      await manager.hears('READY=1');
      await manager.hears('WATCHDOG=1', manager.heard.length);
      const frozen = await freeze(thread());
      await manager.hears('STARVED', manager.heard.length);
      // Whoever traces a thread keeps its dead process from being gone.
      const ended = Promise.all([end(), once(frozen, 'exit')]);
      frozen.stdin?.end();
      await ended;
      await bed.routeIs(forwarded, false);
      const from = manager.heard.length;
      start();
      await manager.hears('READY=1', from);
      await bed.routeIs(forwarded, true);
    },
  );
});
