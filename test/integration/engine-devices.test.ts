// A daemon whose devices change under it: other addresses, other MTUs, links that go and come, other queues. What it sends follows.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callApi } from '../../deploy/lab/api-client.ts';
import { until } from '../../deploy/lab/until.ts';
import type { StatusView } from '../../src/model/views.ts';
import { buildNative } from '../support/native-build.ts';
import { macBytes, tcpFrame } from '../support/packets.ts';
import { liveEngines } from './support/live-engines.ts';
import { bed, build, endPrograms, FramePort, linkFront, remove, sh, start } from './support/packet-bed.ts';

const program = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const otherMac = '02:00:00:00:0b:77';
const timeoutMs = 20_000;

let directory = '';
const at = (name: string): string => join(directory, name);

const status = () => callApi<StatusView>({ socket: at('api.sock'), path: '/v1/status' });

function document(engine: string): string {
  return JSON.stringify({
    version: 1,
    node: {
      logs: { level: 'error' },
      address: bed.node,
      devices: ['front', 'back'].map((name) => ({ name, engine })),
      api: { socket: at('api.sock') },
    },
    tenants: [{ name: 'acme', vips: [{ address: bed.vip, protocol: 'tcp', ports: [80], pool: 'web' }] }],
    pools: { web: { backends: [{ address: bed.backend }], tableSize: 251 } },
  });
}

function toVip(fields: { sequence: number; bytes?: number; mac?: string }): Uint8Array {
  const { sequence, bytes = 100, mac = bed.frontMac } = fields;
  return tcpFrame({
    from: `${bed.client}:40000`,
    to: `${bed.vip}:80`,
    sequence,
    payload: new Uint8Array(bytes - 40),
    ip: { dontFragment: true },
    ethernet: { source: bed.clientMac, destination: mac },
  });
}

const isIpip = (frame: Uint8Array) => frame[12] === 0x08 && frame[13] === 0 && frame[23] === 4;
const isTooBig = (frame: Uint8Array) => frame[12] === 0x08 && frame[23] === 1 && frame[34] === 3 && frame[35] === 4;
const sequenceOf = (wrapped: Uint8Array) => new DataView(wrapped.buffer, wrapped.byteOffset).getUint32(14 + 20 + 20 + 4);

describe.each(liveEngines)('under a daemon with the engine %s', (engine) => {
  let client: FramePort;
  let backend: FramePort;
  let sequence = 0;

  beforeAll(() => {
    buildNative('build/test/frame_port');
    build();
    directory = mkdtempSync(join(tmpdir(), 'torii-devices-'));
    writeFileSync(at('torii.yaml'), document(engine));
  });

  beforeEach(async () => {
    const env = ['env', `STATE_DIRECTORY=${at('state')}`];
    start('balancer', [...env, process.execPath, program, 'balancer', '--config', at('torii.yaml')]);
    await until(async () => (await status()).backends.usable === 1, { what: 'a usable backend', timeoutMs });
    client = await FramePort.open('client', 'eth0');
    backend = await FramePort.open('backend', 'eth0');
  });

  afterEach(endPrograms);

  afterAll(async () => {
    await remove();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Sends one packet after the other until what comes of one at `port` is as wanted. */
  async function untilOneComes(
    port: FramePort,
    isWanted: (frame: Uint8Array) => boolean,
    fields: { bytes?: number; mac?: string } = {},
  ): Promise<Uint8Array> {
    let found: Uint8Array | undefined;
    const look = async (): Promise<boolean> => {
      client.send(toVip({ sequence: ++sequence, ...fields }));
      found ??= port.take(isWanted);
      return found !== undefined;
    };
    await until(look, { what: 'a frame that is as wanted', timeoutMs });
    return found as Uint8Array;
  }

  it('sends from the new address of a device, and takes what comes to it', async () => {
    await untilOneComes(backend, isIpip);
    sh('balancer', `ip link set back address ${otherMac}`);
    await untilOneComes(backend, (frame) => isIpip(frame) && Buffer.from(frame.subarray(6, 12)).equals(macBytes(otherMac)));
    sh('balancer', `ip link set back address ${bed.backMac}; ip link set front address ${otherMac}`);
    await untilOneComes(backend, isIpip, { mac: otherMac });
    sh('balancer', `ip link set front address ${bed.frontMac}`);
    await untilOneComes(backend, isIpip);
  });

  it('fits its packets to a smaller MTU, and to a larger one', async () => {
    sh('balancer', 'ip link set back mtu 1300');
    const refusal = await untilOneComes(client, isTooBig, { bytes: 1290 });
    expect(new DataView(refusal.buffer, refusal.byteOffset).getUint16(14 + 20 + 6)).toBe(1280);
    for (const device of ['front', 'back']) sh('balancer', `ip link set ${device} mtu 2000`);
    sh('client', 'ip link set eth0 mtu 2000');
    sh('backend', 'ip link set eth0 mtu 2000');
    const frame = await untilOneComes(backend, (each) => isIpip(each) && each.length > 1990, { bytes: 1980 });
    expect(frame.length).toBe(14 + 20 + 1980);
    for (const device of ['front', 'back']) sh('balancer', `ip link set ${device} mtu 1500`);
  });

  it('goes on when a link comes back, and when the device itself does', async () => {
    sh('balancer', 'ip link set back down');
    await until(async () => (await status()).backends.usable === 0, { what: 'no usable backend', timeoutMs });
    sh('balancer', 'ip link set back up');
    await untilOneComes(backend, isIpip);
    sh('balancer', 'ip link del front');
    linkFront();
    client = await FramePort.open('client', 'eth0');
    await untilOneComes(backend, isIpip);
  });

  it('goes on with another number of queues', async () => {
    // The kernel takes no queue away that an AF_XDP socket holds.
    for (const queues of engine === 'af_xdp' ? [2] : [2, 1]) {
      sh('balancer', `ethtool -L front rx ${queues} tx ${queues}`);
      await untilOneComes(backend, isIpip);
    }
  });

  it.runIf(engine === 'af_packet')('loses no packet for another number of queues, which are none of its own', async () => {
    await untilOneComes(backend, isIpip);
    for (const queues of [2, 1]) {
      sh('balancer', `ethtool -L front rx ${queues} tx ${queues}`);
      const first = sequence + 1;
      for (let i = 0; i < 50; i++) client.send(toVip({ sequence: ++sequence }));
      const isLast = (frame: Uint8Array) => isIpip(frame) && sequenceOf(frame) === sequence;
      const seen = (await backend.upTo(isLast)).filter(isIpip).map(sequenceOf);
      expect(seen.filter((each) => each >= first)).toEqual(Array.from({ length: 50 }, (_, i) => first + i));
    }
  });
});
