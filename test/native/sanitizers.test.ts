import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadDataplaneAddon } from '../../src/dataplane/addon.ts';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import type { Desired } from '../../src/model/desired.ts';
import { fixtures } from '../fixtures/all-fixtures.ts';
import { desiredOf } from '../support/desired.ts';
import { buildNative } from '../support/native-build.ts';

const program = fileURLToPath(new URL('../../native/build/test/core_test', import.meta.url));
const limits = { vips: 64, backends: 64, tenants: 8, snapshotLines: 1024, slotLines: 64, flowLines: 16, workers: 1 };
const mostPlain = fixtures.map(({ steps }) => steps.flatMap((step) => ('frame' in step ? [step.frame] : [])));

/** Every frame of the fixtures once, but for floods of them. */
const frames = [
  ...new Map(mostPlain.flatMap((each) => each.slice(0, 40)).map((frame) => [Buffer.from(frame).toString('hex'), frame])).values(),
];

/** A bit of everything that a snapshot can hold, at the addresses that the fixtures' frames go to. */
const desired: Desired = desiredOf({
  vips: [
    { vip: '203.0.113.10:80/tcp', tenant: 'planned' },
    { vip: '203.0.113.10:53/udp', tenant: 'planned', hash: 'source' },
    { vip: '203.0.113.10:8000-8100/tcp', pool: 'mixed', hash: 'destinationPort' },
    { vip: '203.0.113.11:*/tcp', pool: 'mixed' },
    { vip: '203.0.113.11:*/udp', pool: 'none' },
    { vip: '203.0.113.12:443/tcp', tenant: 'free', pool: 'mixed', activePool: 'web' },
  ],
  pools: {
    web: ['10.0.2.21', { address: '10.0.2.22', weight: 7 }],
    mixed: [
      { address: '10.0.2.23', mtuBytes: 600 },
      { address: '10.0.2.24', state: 'draining' },
      { address: '10.0.2.25', health: 'down' },
      { address: '10.0.2.26', isUnresolved: true, isOpen: true },
    ],
    none: [{ address: '10.0.2.27', state: 'disabled' }],
  },
  plans: { planned: { cps: 1000, burst: 100, udp: true } },
});

/** What core_test.c takes: capacity, snapshot, slots. */
function stateOf(config: Desired): Buffer {
  const addon = loadDataplaneAddon();
  const engine = new MemoryEngine({ flowEntries: limits.flowLines * 4, limits });
  try {
    const { bytes } = engine.load(config);
    const { vips, backends, tenants, snapshotLines, slotLines, flowLines, workers } = limits;
    const words = Uint32Array.of(vips, backends, tenants, snapshotLines, slotLines, flowLines, workers, bytes.length / 64);
    return Buffer.concat([
      Buffer.from(words.buffer),
      bytes,
      Buffer.from(addon.view(engine.engine, addon.layout().tables['SLOTS'] ?? -1)),
    ]);
  } finally {
    engine.close();
  }
}

function framesFile(each: readonly Uint8Array[]): Buffer {
  return Buffer.concat(each.flatMap((frame) => [Buffer.from(Uint32Array.of(frame.length).buffer), frame]));
}

describe('the core under AddressSanitizer and UndefinedBehaviorSanitizer', () => {
  let folder = '';
  const run = (...words: readonly string[]): number => {
    const args = [join(folder, 'state'), join(folder, 'frames'), ...words];
    return Number.parseInt(execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString(), 10);
  };

  beforeAll(() => {
    buildNative('test-programs');
    folder = mkdtempSync(join(tmpdir(), 'torii-core-test-'));
    writeFileSync(join(folder, 'state'), stateOf(desired));
    writeFileSync(join(folder, 'frames'), framesFile(frames));
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('reads and writes nothing outside a frame, cut at every length', () => {
    expect(run('truncate')).toBe(frames.reduce((sum, frame) => sum + frame.length + 1, 0));
  }, 60_000);

  it('takes whatever bytes come, one verdict a packet', () => {
    expect(run('fuzz', '1', '500000')).toBeGreaterThanOrEqual(500_000);
  }, 60_000);

  it('refuses a snapshot, or runs packets through it without leaving its tables', () => {
    expect(run('loads', '1', '20000')).toBe(20_000 * 64);
  }, 60_000);
});
