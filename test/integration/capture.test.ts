// `torii capture` against a daemon that forwards between namespaces: every packet with what became of it, and none lost for it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callApi } from '../../deploy/lab/api-client.ts';
import { until } from '../../deploy/lab/until.ts';
import type { EngineView, StatusView } from '../../src/model/views.ts';
import { buildNative } from '../support/native-build.ts';
import { icmpFrame, tcpFrame } from '../support/packets.ts';
import { packetsOf, type SeenPacket } from '../support/pcapng-blocks.ts';
import { torii } from '../unit/cli/terminal.ts';
import { bed, build, FramePort, remove, start } from './support/packet-bed.ts';

const program = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const limitedVip = '203.0.113.11';
const ethernet = { source: bed.clientMac, destination: bed.frontMac };
const floodPackets = 10_000;
let directory = '';
let captures = 0;

const at = (name: string): string => join(directory, name);
const status = () => callApi<StatusView>({ socket: at('api.sock'), path: '/v1/status' });
const syn = (port: number, to = `${bed.vip}:80`) => tcpFrame({ from: `${bed.client}:${port}`, to, flags: 'S', ethernet });

const engines = ['af_packet', 'af_xdp'] as const;
type Engine = (typeof engines)[number];

function document(engine: Engine): string {
  const vip = (address: string) => ({ address, protocol: 'tcp', ports: [80], pool: 'web' });
  return JSON.stringify({
    version: 1,
    node: {
      logs: { level: 'error' },
      address: bed.node,
      devices: ['front', 'back'].map((name) => ({ name, engine })),
      api: { socket: at('api.sock') },
    },
    plans: { small: { cps: 1, burst: 2 } },
    tenants: [
      { name: 'acme', vips: [vip(bed.vip)] },
      { name: 'limited', plan: 'small', vips: [vip(limitedVip)] },
    ],
    pools: { web: { backends: [{ address: bed.backend }], tableSize: 251 } },
  });
}

async function startDaemon(engine: Engine): Promise<ChildProcess> {
  writeFileSync(at('torii.yaml'), document(engine));
  const env = ['env', `STATE_DIRECTORY=${at('state')}`];
  const daemon = start('balancer', [...env, process.execPath, program, 'balancer', '--config', at('torii.yaml')]);
  await until(async () => (await status()).backends.usable === 1, { what: 'a usable backend', timeoutMs: 60_000 });
  return daemon;
}

interface Capturing {
  /** What it wrote and said, once it is through. */
  readonly seen: Promise<{ readonly packets: readonly SeenPacket[]; readonly said: string; readonly out: string }>;
}

/** A capture that has begun: its file is there with the first answer. */
async function capturing(...options: readonly string[]): Promise<Capturing> {
  const out = at(`${++captures}.pcapng`);
  const run = torii(['capture', out, '--for', '60s', ...options, '--api', at('api.sock')]);
  const seen = run.then(({ exit, err }) => {
    expect(exit, err).toBe(0);
    return { packets: packetsOf(readFileSync(out)), said: err, out };
  });
  await until(() => existsSync(out) && statSync(out).size > 0, { what: 'the capture to begin', timeoutMs: 20_000 });
  return { seen };
}

const came = (packets: readonly SeenPacket[]) => packets.filter(({ direction }) => direction === 'inbound');

describe.each(engines)('torii capture on the engine %s', (engine) => {
  let daemon: ChildProcess;

  beforeAll(async () => {
    buildNative('build/test/frame_port');
    build();
    directory = mkdtempSync(join(tmpdir(), 'torii-capture-'));
    daemon = await startDaemon(engine);
  });
  afterAll(async () => {
    await remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it('shows what was forwarded, limited, refused and answered, each with its reason', async () => {
    const client = await FramePort.open('client', 'eth0');
    const { seen } = await capturing('--count', '40');
    for (let port = 1024; port < 1024 + 30; ) {
      client.send(syn(port++), syn(port++, `${limitedVip}:80`), syn(port++, `${bed.vip}:81`));
      client.send(icmpFrame({ from: bed.client, to: bed.vip, type: 8, rest: Uint8Array.of(0, 7, 0, 1), ethernet }));
    }
    const { packets, out } = await seen;
    const told = execFileSync('tcpdump', ['-nr', out], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    expect(told.trim().split('\n')).toHaveLength(packets.length);
    const kinds = new Set(came(packets).map(({ comment }) => comment.replace(/ worker=\d+$/, '')));
    const to = (vip: string, tenant: string) => `vip=${vip}:80/tcp tenant=${tenant}`;
    expect([...kinds].filter((each) => !each.includes(`forward ${to(limitedVip, 'limited')}`)).sort()).toEqual([
      'verdict=answer reason=echo',
      'verdict=drop reason=cps_limited vip=203.0.113.11:80/tcp tenant=limited',
      'verdict=drop reason=no_vip_port',
      `verdict=forward ${to(bed.vip, 'acme')} pool=web backend=${bed.backend} flow=new`,
    ]);
    // What left is the whole of what came, behind an outer header to the backend.
    for (const out of packets.filter(
      ({ direction, comment }) => direction === 'outbound' && comment.includes('verdict=forward'),
    )) {
      const input = packets.find(({ id, direction }) => id === out.id && direction === 'inbound');
      expect([...out.bytes.subarray(30, 34)].join('.')).toBe(bed.backend);
      expect(Buffer.from(out.bytes.subarray(34 + 20)).equals(Buffer.from(input?.bytes.subarray(14 + 20) ?? []))).toBe(true);
    }
  });

  it('loses no packet of the traffic that it looks at', async () => {
    const client = await FramePort.open('client', 'eth0');
    const before = await status();
    const { seen } = await capturing('--count', '500', '--rate', '100000', '--vip', bed.vip);
    client.send(...Array.from({ length: floodPackets }, (_, i) => syn(1024 + (i % 5000))));
    const forwarded = async (): Promise<number> => countOf(await status(), 'forward') - countOf(before, 'forward');
    await until(async () => (await forwarded()) >= floodPackets, { what: 'every packet to be forwarded', timeoutMs: 20_000 });
    expect(await forwarded()).toBe(floodPackets);
    const { packets } = await seen;
    expect(came(packets)).toHaveLength(500);
    for (const { comment } of packets) expect(comment).toMatch(/verdict=forward vip=203\.0\.113\.10:80\/tcp/);
  });

  it('takes only what its filters say, and ends when nobody reads any more', async () => {
    const client = await FramePort.open('client', 'eth0');
    const { seen } = await capturing('--reason', 'no_vip_port', '--client', `${bed.client}/32`, '--count', '3', '--no-output');
    client.send(...Array.from({ length: 6 }, (_, i) => syn(2000 + i, `${bed.vip}:${80 + (i % 2)}`)));
    const { packets, said } = await seen;
    expect(packets.map(({ comment }) => comment.replace(/ worker=\d+$/, ''))).toEqual(
      Array.from({ length: 3 }, () => 'verdict=drop reason=no_vip_port'),
    );
    expect(said).toContain('3 packets in ');
    // A client that goes away frees the node for the next.
    const gone = spawn(process.execPath, [program, 'capture', '-', '--api', at('api.sock')], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => gone.stdout.once('data', resolve));
    expect((await torii(['capture', at('second.pcapng'), '--api', at('api.sock')])).exit).toBe(3);
    gone.kill('SIGKILL');
    await until(async () => (await torii(['capture', at('third.pcapng'), '--for', '1s', '--api', at('api.sock')])).exit === 0, {
      what: 'the node to be free again',
      timeoutMs: 10_000,
    });
  });

  it('is of devices that torii engine and the metrics describe', async () => {
    const { devices, workers } = await callApi<EngineView>({ socket: at('api.sock'), path: '/v1/engine' });
    expect(devices.map(({ device, asked, state }) => [device, asked, state])).toEqual([
      ['front', engine, 'up'],
      ['back', engine, 'up'],
    ]);
    const queues = devices.flatMap(({ queues: own }) => own);
    expect(new Set(queues.map(({ engine: carrier }) => carrier))).toEqual(new Set([engine]));
    for (const { worker, rings, xdp, reason } of queues) {
      expect(worker).toBeLessThan(workers.length);
      expect(rings.rx.size).toBeGreaterThan(0);
      expect(xdp === 'none').toBe(engine === 'af_packet');
      // A veth has no zero-copy.
      if (engine === 'af_xdp') expect(reason).toContain('zero-copy');
    }
    const { out } = await torii(['engine', 'front', '--api', at('api.sock')]);
    expect(out).toMatch(new RegExp(`^front +up +${engine} +${engine} `, 'm'));
  });

  // The last one: it ends the daemon.
  it('is whole, and told to be, when the node leaves', async () => {
    const client = await FramePort.open('client', 'eth0');
    const { seen } = await capturing('--vip', bed.vip);
    client.send(syn(3000));
    daemon.kill('SIGTERM');
    const { packets, said } = await seen;
    expect(said).toContain(': the node ended it\n');
    expect(came(packets).length).toBeLessThanOrEqual(1);
  });
});

function countOf({ workers }: StatusView, verdict: string): number {
  return workers.reduce((sum, { verdicts }) => sum + (verdicts[verdict] ?? 0), 0);
}
