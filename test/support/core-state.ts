// What the native test programs take: an engine's state, and the fixtures' frames, as files.
//
// The state holds a bit of everything that a snapshot can say, at the addresses that the fixtures' frames go to.

import { loadDataplaneAddon } from '../../src/dataplane/addon.ts';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import type { Desired } from '../../src/model/desired.ts';
import { fixtures } from '../fixtures/all-fixtures.ts';
import { desiredOf } from './desired.ts';

const limits = {
  vips: 64,
  backends: 64,
  tenants: 8,
  snapshotLines: 1024,
  slotLines: 64,
  flowLines: 16,
  workers: 1,
  records: 1,
} as const;
const mostPlain = fixtures.map(({ steps }) => steps.flatMap((step) => ('frame' in step ? [step.frame] : [])));

/** Every frame of the fixtures once, but for floods of them. */
export const fixtureFrames = [
  ...new Map(mostPlain.flatMap((each) => each.slice(0, 40)).map((frame) => [Buffer.from(frame).toString('hex'), frame])).values(),
];

/** A bit of everything that a snapshot can hold, at the addresses that the fixtures' frames go to. */
const everything: Desired = desiredOf({
  vips: [
    { vip: '203.0.113.10:80/tcp', tenant: 'planned' },
    { vip: '203.0.113.10:53/udp', tenant: 'planned', hash: 'source' },
    { vip: '203.0.113.10:8000-8100/tcp', pool: 'mixed', hash: 'destinationPort' },
    { vip: '203.0.113.11:*/tcp', pool: 'mixed' },
    { vip: '203.0.113.11:*/udp', pool: 'none' },
    { vip: '203.0.113.12:443/tcp', tenant: 'free', pool: 'mixed', activePool: 'web' },
    { vip: '203.0.113.13:80/tcp', encap: 'l2' },
    { vip: '203.0.113.14:80/tcp', entropy: true, pool: 'six' },
    { vip: '203.0.113.64/26:80/tcp', pool: 'mixed' },
    { vip: '[2001:db8::10]:80/tcp', tenant: 'planned', pool: 'mixed' },
    { vip: '[2001:db8::10]:53/udp', hash: 'source', pool: 'six' },
    { vip: '[2001:db8::11]:*/tcp', entropy: true, pool: 'six' },
    { vip: '[2001:db8:0:1::/64]:443/tcp', encap: 'l2', pool: 'six' },
  ],
  entropy: { prefix: '192.0.2.0/24', prefix6: '2001:db8:e::/64' },
  pools: {
    web: ['10.0.2.21', { address: '10.0.2.22', weight: 7 }],
    mixed: [
      { address: '10.0.2.23', mtuBytes: 600 },
      { address: '10.0.2.24', state: 'draining' },
      { address: '10.0.2.25', health: 'down' },
      { address: '10.0.2.26', isUnresolved: true, isOpen: true },
    ],
    none: [{ address: '10.0.2.27', state: 'disabled' }],
    six: ['2001:db8:2::21', { address: '2001:db8:2::22', mtuBytes: 1320 }],
  },
  plans: { planned: { cps: 1000, burst: 100, udp: true } },
});

/** What core_test.c takes: capacity, snapshot, slots. */
export function stateFile(): Buffer {
  const addon = loadDataplaneAddon();
  const engine = new MemoryEngine({ flowEntries: limits.flowLines * 4, limits });
  try {
    const { bytes } = engine.load(everything);
    const { vips, backends, tenants, snapshotLines, slotLines, flowLines, workers, records } = limits;
    const capacity = [vips, backends, tenants, snapshotLines, slotLines, flowLines, workers, records];
    const words = Uint32Array.of(...capacity, bytes.length / 64);
    return Buffer.concat([
      Buffer.from(words.buffer),
      bytes,
      Buffer.from(addon.view(engine.engine, addon.layout().tables['SLOTS'] ?? -1)),
    ]);
  } finally {
    engine.close();
  }
}

export function framesFile(each: readonly Uint8Array[]): Buffer {
  return Buffer.concat(each.flatMap((frame) => [Buffer.from(Uint32Array.of(frame.length).buffer), frame]));
}
