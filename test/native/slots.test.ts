import { describe, expect, it } from 'vitest';
import { loadDataplaneAddon } from '../../src/dataplane/addon.ts';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import { tcp, tcpVip } from '../fixtures/common.ts';
import { desiredOf } from '../support/desired.ts';

describe('a slot that names a backend', () => {
  it.each([2, 1000, 65_535])('is an empty one where the snapshot in force ends before number %i', (index) => {
    const engine = new MemoryEngine({ flowEntries: 64 });
    engine.load(desiredOf({ vips: [tcpVip] }));
    const addon = loadDataplaneAddon();
    const slots = new Uint16Array(addon.view(engine.engine, addon.layout().tables['SLOTS'] ?? -1), 0, 4096);
    expect(slots.includes(1)).toBe(true);
    slots.fill(index);
    expect(engine.run([{ bytes: tcp('S'), timeNs: 0n }])).toMatchObject([
      { verdict: 'drop', reason: 'no_backend', flow: 'none' },
    ]);
    engine.close();
  });
});
