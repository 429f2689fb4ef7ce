import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { loadDataplaneAddon } from '../../../src/dataplane/addon.ts';
import type * as Remote from '../../../src/metrics/remote-metrics.ts';
import { directory, state } from './fixtures.ts';

// A worker can only load JavaScript, so this tests what `npm run build` made.
const built = new URL('../../../dist/src/metrics/remote-metrics.js', import.meta.url);
const addonPath = new URL('../../../native/build/dataplane.node', import.meta.url);
const remote = existsSync(built) ? ((await import(built.href)) as typeof Remote) : undefined;

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

function started(engine: number | null = null): Remote.MetricsThread {
  if (remote === undefined) throw new Error('not built: npm run build');
  const thread = remote.startMetricsThread({
    version: '0.1.0',
    engine,
    onDeath: (error) => {
      throw error;
    },
  });
  cleanUps.push(() => thread.close());
  return thread;
}

describe.skipIf(remote === undefined)('the metrics thread', () => {
  it('renders what it was told, in order', async () => {
    const thread = started();
    thread.setDirectory(encode(directory));
    thread.setState(state);
    const text = decode(await thread.render());
    expect(text).toContain('torii_generation 9\n');
    expect(text).toContain('torii_bgp_session_up{peer="10.0.1.1"} 1\n');
  });

  it('gives scrapes that meet one answer, and a later one its own', async () => {
    const thread = started();
    const [first, second] = await Promise.all([thread.render(), thread.render()]);
    expect(second).toBe(first);
    expect(await thread.render()).not.toBe(first);
  });

  it('refuses scrapes once closed', async () => {
    const thread = started();
    await thread.close();
    await expect(thread.render()).rejects.toMatchObject({ code: 'internal' });
  });

  it.skipIf(!existsSync(addonPath))('reads counters of an engine that another thread opened', async () => {
    const addon = loadDataplaneAddon();
    const engine = addon.open({
      vips: 2,
      backends: 4,
      tenants: 4,
      snapshotLines: 64,
      slotLines: 64,
      flowLines: 2,
      workers: 2,
      records: 0,
    });
    cleanUps.push(() => addon.close(engine));
    const words = new BigUint64Array(addon.view(engine, addon.layout().tables['COUNTERS'] ?? -1));
    const { offset } = addon.layout().structures['worker_counters']?.['rx_packets'] ?? { offset: -1 };
    words[offset / 8] = 42n;
    const thread = started(engine);
    thread.setDirectory(encode(directory));
    thread.setState(state);
    const text = decode(await thread.render());
    expect(text).toContain('torii_worker_received_packets_total{worker="0",device="eth0"} 42\n');
    await thread.close();
  });
});
