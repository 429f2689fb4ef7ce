// Loads one after the other on a live engine while a paced stream runs: real tables, filled into regions that are used again, and not one
// packet lost. TORII_SWAPS sets another number. What a swap does under full load is test/native/swaps.test.ts's matter.

import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Desired } from '../../src/model/desired.ts';
import { buildNative, native } from '../support/native-build.ts';
import { liveEngines } from './support/live-engines.ts';
import { bed, build, endPrograms, namespaceFile, remove, start } from './support/packet-bed.ts';
import { bedDesired, PacketNode } from './support/packet-node-handle.ts';

const loads = Number(process.env['TORII_SWAPS'] ?? 500);
const perSec = 20_000;
const limitSec = 120;

/** Every edition has another table, of one of two sizes; all of it goes to the one backend. */
function edition(number: number): Desired {
  const desired = bedDesired([`${bed.vip}:80/udp`]);
  const pools = desired.pools.map((pool) => ({
    ...pool,
    tableSize: number % 2 === 0 ? 251 : 4093,
    backends: pool.backends.map((backend) => ({ ...backend, weight: 50 + (number % 50) })),
  }));
  return { ...desired, pools };
}

describe('a live engine that is loaded again and again', () => {
  let node: PacketNode;

  beforeAll(() => {
    buildNative('all');
    build();
  });
  afterEach(async () => {
    await node.kill();
    await endPrograms();
  });
  afterAll(remove);

  it.each(liveEngines)('loses no packet (%s)', async (engine) => {
    node = await PacketNode.start({ engine, workers: 2 });
    await node.load(edition(0));
    const words = [bed.vip, '1', '80', '16', String(perSec), String(limitSec), namespaceFile('backend'), 'eth0'];
    const stream = start('client', [`${native}/build/stream`, ...words]);
    let said = '';
    stream.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    while (!said.includes('firstMs')) await once(stream.stdout ?? stream, 'data');
    for (let i = 1; i <= loads; i++) await node.load(edition(i));
    const closed = once(stream, 'close');
    stream.kill('SIGTERM');
    await closed;
    const sums = JSON.parse(said.trim().split('\n').at(-1) ?? '') as { readonly sent: number; readonly arrived: number };
    console.log(`${loads} loads, ${sums.sent} packets`);
    expect(sums.sent).toBeGreaterThan(0);
    expect(sums.arrived).toBe(sums.sent);
  });
});
