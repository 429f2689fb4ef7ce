// What native/test/loop_bed.h takes: an engine's capacity, snapshots of several editions of a document, and the table slots that
// serve all of them.

import { loadDataplaneAddon } from '../../src/dataplane/addon.ts';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import { desiredOf } from './desired.ts';

const limits = {
  vips: 64,
  backends: 64,
  tenants: 64,
  snapshotLines: 4096,
  slotLines: 256,
  flowLines: 8192,
  records: 0,
} as const;
const vips = 16;
const pools = 8;

/**
 * Edition k has the node's address 10.0.1.(11 + k), and VIP i in pool (i + k) % 8. Every pool has one backend, so that its table is
 * the same in all editions. VIPs 0, 1, … are of tenants t0, t1, …
 */
export function loopState({ editions, workers }: { readonly editions: number; readonly workers: number }): Buffer {
  const addon = loadDataplaneAddon();
  const engine = new MemoryEngine({ flowEntries: limits.flowLines * 4, limits: { ...limits, workers } });
  try {
    const snapshots = Array.from({ length: editions }, (_, edition) => engine.load(desiredEdition(edition)).bytes);
    const { vips, backends, tenants, snapshotLines, slotLines, flowLines, records } = limits;
    const capacity = [vips, backends, tenants, snapshotLines, slotLines, flowLines, workers, records];
    return Buffer.concat([
      Buffer.from(Uint32Array.of(...capacity, editions).buffer),
      ...snapshots.flatMap((bytes) => [Buffer.from(Uint32Array.of(bytes.length / 64).buffer), bytes]),
      Buffer.from(addon.view(engine.engine, addon.layout().tables['SLOTS'] ?? -1)),
    ]);
  } finally {
    engine.close();
  }
}

function desiredEdition(edition: number) {
  return desiredOf({
    nodeAddress: `10.0.1.${11 + edition}`,
    vips: ['tcp', 'udp'].flatMap((protocol) =>
      Array.from({ length: vips }, (_, i) => ({
        vip: `203.0.113.${10 + i}:80/${protocol}`,
        tenant: `t${i}`,
        pool: `p${(i + edition) % pools}`,
      })),
    ),
    pools: Object.fromEntries(
      Array.from({ length: pools }, (_, i) => [`p${i}`, [{ address: `10.0.2.${21 + i}`, mac: `02:00:00:00:00:0${1 + i}` }]]),
    ),
  });
}
