import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type DataplaneAddon, loadDataplaneAddon } from '../../src/dataplane/addon.ts';
import { type FrameOutcome, MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import { offsetsOf } from '../../src/steering/layout.ts';
import { fixtures } from '../fixtures/all-fixtures.ts';
import { plain, tcp } from '../fixtures/common.ts';
import { bpfEngine } from '../fixtures/engine.ts';
import type { Fixture } from '../fixtures/fixture.ts';
import { handsOverIn, unreachable } from '../fixtures/run-fixture.ts';
import { bpfAddon, bpfLimits, bpfUnavailable, clangs } from '../support/bpf-engine.ts';

const unavailable = bpfUnavailable();
const nsPerMs = 1_000_000;

/** Within these times nothing expires, so the memory engine's sweep of the flow table changes nothing. */
const isBrief = ({ steps }: Fixture): boolean => steps.every((step) => step.atMs < 1000);
const anyClang = bpfEngine(clangs[0]);
const isWhole = (fixture: Fixture): boolean => unreachable(fixture, anyClang) === null && !handsOverIn(fixture, anyClang);
const brief = fixtures.filter((fixture) => isBrief(fixture) && isWhole(fixture));

/** Words of flow table, counters and token buckets that are not zero, but for those that count bursts and the engine's life. */
function memoryOf(addon: DataplaneAddon, engine: MemoryEngine): Record<string, bigint> {
  const layout = addon.layout();
  const { linesPerWorker } = addon.shape(engine.engine);
  const ofBursts = Object.values(offsetsOf(layout, 'worker_counters', ['bursts', 'busy_ns', 'heartbeat']));
  const left: Record<string, bigint> = {};
  for (const table of ['FLOWS', 'COUNTERS', 'TENANTS']) {
    const view = new BigUint64Array(addon.view(engine.engine, layout.tables[table] ?? -1));
    view.forEach((word, i) => {
      const isOfBursts = table === 'COUNTERS' && ofBursts.includes((i * 8) % (linesPerWorker * 64));
      if (word !== 0n && !isOfBursts) left[`${table} line ${i >> 3} word ${i & 7}`] = word;
    });
  }
  return left;
}

interface Left {
  readonly outcomes: readonly FrameOutcome[];
  readonly memory: Record<string, bigint>;
}

function leftBy(addon: DataplaneAddon, fixture: Fixture): Left {
  const engine = new MemoryEngine({ flowEntries: fixture.flowEntries ?? 256, addon, limits: bpfLimits });
  try {
    engine.load(fixture.config);
    const outcomes = fixture.steps.flatMap((step) => {
      const timeNs = BigInt(Math.round(step.atMs * nsPerMs));
      if ('frame' in step) return engine.run([{ bytes: step.frame, timeNs }]);
      engine.load(step.load, timeNs);
      return [];
    });
    return { outcomes, memory: memoryOf(addon, engine) };
  } finally {
    engine.close();
  }
}

for (const clang of clangs) {
  const title = `the core as BPF by clang ${clang}`;
  describe.skipIf(unavailable !== null)(unavailable === null ? title : `${title} (SKIPPED: ${unavailable})`, () => {
    let open: MemoryEngine | undefined;
    const engineOf = (workers = 1): MemoryEngine => {
      open = new MemoryEngine({ flowEntries: 256, workers, addon: bpfAddon(clang), limits: bpfLimits });
      return open;
    };

    beforeAll(() => void bpfAddon(clang), 60_000);
    afterEach(() => {
      open?.close();
      open = undefined;
    });

    it('passes and counts every packet before there is a snapshot', () => {
      const engine = engineOf();
      expect(engine.run([{ bytes: tcp('S'), timeNs: 0n }])[0]).toMatchObject({ verdict: 'pass', out: [] });
      expect(engine.counters.workers()[0]).toMatchObject({ rxPackets: 1, generation: 0 });
    });

    it('says in its counters which generation it has adopted', () => {
      const engine = engineOf();
      for (const generation of [1, 2]) {
        engine.load(plain);
        engine.run([{ bytes: tcp('S'), timeNs: 0n }]);
        expect(engine.counters.workers()[0]?.generation).toBe(generation);
      }
    });

    it('keeps the flows of two workers apart', () => {
      const engine = engineOf(2);
      engine.load(plain);
      const flows = [0, 1, 0, 1].map((worker) => engine.run([{ bytes: tcp('A'), timeNs: 0n }], worker)[0]?.flow);
      expect(flows).toEqual(['new', 'new', 'known', 'known']);
      expect(engine.counters.workers().map(({ rxPackets }) => rxPackets)).toEqual([2, 2]);
    });

    it('leaves the same flow table, counters and token buckets behind as the memory engine, to the byte', () => {
      expect(brief.length).toBeGreaterThanOrEqual(200);
      for (const fixture of brief) {
        const expected = leftBy(loadDataplaneAddon(), fixture);
        expect({ sentence: fixture.sentence, ...leftBy(bpfAddon(clang), fixture) }).toEqual({
          sentence: fixture.sentence,
          ...expected,
        });
      }
    });
  });
}
