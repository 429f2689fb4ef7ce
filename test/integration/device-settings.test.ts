// Settings of a device that an engine changes: a daemon that is killed leaves them behind, and the end of the next one puts them back to
// what they were before the first; on a device that the document has lost its start does, and takes away what the engine left.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callApi } from '../../deploy/lab/api-client.ts';
import { until } from '../../deploy/lab/until.ts';
import type { StatusView } from '../../src/model/views.ts';
import { balancerProgram } from './support/balancer-process.ts';
import { bed, build, endPrograms, remove, sh, start } from './support/packet-bed.ts';
import { PacketNode } from './support/packet-node-handle.ts';

let directory: string;

beforeAll(() => {
  build();
  directory = mkdtempSync(join(tmpdir(), 'torii-settings-'));
});
afterEach(endPrograms);
afterAll(async () => {
  await remove();
  rmSync(directory, { recursive: true, force: true });
});

async function balancer(names: readonly string[] = ['front', 'back']) {
  const socket = join(directory, 'api.sock');
  const config = join(directory, 'torii.yaml');
  const devices = names.map((name) => ({ name, engine: 'af_xdp' }));
  const node = { address: bed.node, devices, flowTable: { entries: 4096 }, api: { socket } };
  const isForwarding = names.length > 0;
  const forwarded = { address: bed.vip, protocol: 'tcp', ports: [80], pool: 'web' };
  const vips = [isForwarding ? forwarded : { address: bed.vip, mode: 'local' }];
  const pools = { web: { backends: [{ address: bed.backend }] } };
  writeFileSync(config, JSON.stringify({ version: 1, node, tenants: [{ name: 'acme', vips }], pools }));
  const program = [process.execPath, balancerProgram, 'balancer', '--config', config];
  const child = start('balancer', ['env', `STATE_DIRECTORY=${directory}`, ...program]);
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  const isReady = async (): Promise<boolean> => {
    const status = await callApi<StatusView>({ socket, path: '/v1/status' }).catch(() => null);
    return isForwarding ? (status?.generation ?? 0) > 0 : status?.ready === true;
  };
  await until(isReady, { what: 'the first tables to be in force', timeoutMs: 30_000 });
  return async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await ended;
  };
}

const gro = (device: string): string => /generic-receive-offload: (\w+)/.exec(sh('balancer', `ethtool -k ${device}`))?.[1] ?? '';
const filters = (): string => sh('balancer', 'tc filter show dev back ingress');
const both = (): readonly string[] => ['front', 'back'].map(gro);

describe('a balancer that was killed', () => {
  it('leaves GRO off, and the orderly end of the next one turns it on where it was on', async () => {
    sh('balancer', 'ethtool -K front gro on; ethtool -K back gro off');
    await (await balancer())('SIGKILL');
    expect(both()).toEqual(['off', 'off']);
    await (await balancer())('SIGKILL');
    await (await balancer())('SIGTERM');
    expect(both()).toEqual(['on', 'off']);
    const end = await balancer();
    expect(both()).toEqual(['off', 'off']);
    await end('SIGTERM');
    expect(both()).toEqual(['on', 'off']);
  });

  it.each([
    ['some of its devices', ['front']],
    ['all of them', []],
  ])('leaves nothing behind once another one has started whose document has lost %s', async (_, kept) => {
    sh('balancer', 'ethtool -K front gro on; ethtool -K back gro on');
    const before = sh('balancer', 'tc qdisc show dev back');
    await (await balancer())('SIGKILL');
    // As the engine leaves it on a kernel without tcx.
    const node = await PacketNode.start({ engine: 'af_packet+clsact', devices: ['back'] });
    await node.kill();
    expect(filters()).toContain('torii_shield');
    expect(both()).toEqual(['off', 'off']);
    const end = await balancer(kept);
    expect(filters()).toBe('');
    expect(sh('balancer', 'tc qdisc show dev back')).toBe(before);
    expect(both()).toEqual([kept.includes('front') ? 'off' : 'on', 'on']);
    await end('SIGTERM');
    expect(both()).toEqual(['on', 'on']);
  });

  it('leaves what another balancer has by now to that one', async () => {
    await (await balancer())('SIGKILL');
    const other = await PacketNode.start({ engine: 'af_packet+clsact', devices: ['back'] });
    const end = await balancer(['front']);
    expect(filters()).toContain('torii_shield');
    expect(both()).toEqual(['off', 'off']);
    await end('SIGTERM');
    expect(filters()).toContain('torii_shield');
    await other.stop();
    expect(filters()).toBe('');
  });
});
