import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NativeCompiler } from '../../../src/control/native-compiler.ts';
import { type EngineId, loadDataplaneAddon } from '../../../src/dataplane/addon.ts';
import { capacityFor } from '../../../src/dataplane/capacity.ts';
import type { Desired } from '../../../src/model/desired.ts';
import { desiredOf } from '../../support/desired.ts';

const addon = loadDataplaneAddon();
let engine: EngineId;
let compiler: NativeCompiler;

const poolsOf = (count: number, down: boolean): Desired =>
  desiredOf({
    vips: ['203.0.113.10:80/tcp'],
    pools: Object.fromEntries([
      ['web', ['10.0.2.21']],
      ...Array.from({ length: count }, (_, i) => [
        `p${i}`,
        ['10.0.2.21', { address: '10.0.2.22', health: down ? 'down' : 'up' }],
      ]),
    ]),
  });

beforeEach(() => {
  // Room for 128 tables of 251 slots.
  engine = addon.open({ ...capacityFor(addon.layout(), { workers: 1, flowEntries: 1024 }), slotLines: 8 * 128 });
  compiler = new NativeCompiler(addon, engine);
});
afterEach(() => addon.close(engine));

describe('the native compiler', () => {
  it('changes nearly half of its tables at once as often as it likes', () => {
    let last = compiler.draft(poolsOf(60, false));
    compiler.keep(last);
    for (let round = 0; round < 10; round++) {
      const next = compiler.draft(poolsOf(60, round % 2 === 0));
      const changed = [...next.tables].filter(([pool, table]) => table.tableChecksum !== last.tables.get(pool)?.tableChecksum);
      expect(changed).toHaveLength(60);
      compiler.keep(next);
      last = next;
    }
  });

  it('is not stuck after a draft that did not fit', () => {
    compiler.keep(compiler.draft(poolsOf(60, false)));
    expect(() => compiler.draft(poolsOf(100, true))).toThrow(/lines there are/);
    compiler.keep(compiler.draft(poolsOf(60, true)));
  });

  it('tells the checksums of the tables in force, not of a draft that was refused', () => {
    const first = compiler.draft(poolsOf(1, false));
    compiler.keep(first);
    const refused = compiler.draft(poolsOf(1, true));
    expect(refused.tables.get('p0')?.tableChecksum).not.toBe(first.tables.get('p0')?.tableChecksum);
    expect(compiler.draft(poolsOf(1, false)).tables.get('p0')).toEqual(first.tables.get('p0'));
  });
});
