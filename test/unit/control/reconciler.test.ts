import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { holdDownMs } from '../../../src/control/hold-down.ts';
import type { Outcome } from '../../../src/control/messages.ts';
import { Reconciler } from '../../../src/control/reconciler.ts';
import { encodeRoutes, type RouteLine } from '../../../src/control/route-lines.ts';
import type { Advertisement } from '../../../src/model/peer.ts';

/** A prefix after "-" does not stand on the packet path. */
const line = (written: string): RouteLine => {
  const prefix = written.replace('-', '');
  return { prefix, usesPath: prefix === written, text: JSON.stringify({ prefix, policy: {} }) };
};

const outcome = (compile: number, prefixes: readonly string[], more: Partial<Outcome> = {}): Outcome => ({
  compile,
  revision: 1,
  snapshot: new Uint8Array(64),
  routes: encodeRoutes(prefixes.map(line)),
  replaced: [],
  endsHoldDowns: false,
  targets: null,
  addresses: null,
  node: null,
  changes: [],
  warnings: [],
  ...more,
});

const a = '203.0.113.10/32';
const b = '203.0.113.11/32';

class Bed {
  readonly log: string[] = [];
  failing: string | null = null;
  adopt: () => void = () => undefined;
  readonly reconciler: Reconciler;

  constructor() {
    let generation = 0;
    this.reconciler = new Reconciler({
      path: {
        load: () => {
          if (this.failing !== null) throw new Error(this.failing);
          this.log.push('load');
          return ++generation;
        },
        adopted: () =>
          new Promise((resolve) => {
            this.adopt = resolve;
          }),
      },
      announce: (bytes) => {
        const routes = JSON.parse(Buffer.from(bytes).toString()) as readonly Advertisement[];
        const prefixes = routes.map(({ prefix }) => prefix).sort();
        this.log.push(`announce ${prefixes.join(' ')}`);
      },
      inForce: ({ compile }) => {
        this.log.push(`in force ${compile}`);
      },
      adopted: (compile) => this.log.push(`adopted ${compile}`),
      refused: (compile, message) => this.log.push(`refused ${compile} ${message}`),
      now: () => Date.now(),
    });
    this.reconciler.setBlocked(null);
  }

  async apply(given: Outcome): Promise<void> {
    const applied = this.reconciler.apply(given);
    this.adopt();
    await applied;
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('the reconciler', () => {
  it('loads, waits until every worker has adopted, lets everything else follow, announces', async () => {
    const bed = new Bed();
    expect(bed.reconciler.ready).toBe(false);
    const applied = bed.reconciler.apply(outcome(1, [a]));
    expect(bed.log).toEqual(['load']);
    bed.adopt();
    await applied;
    expect(bed.log).toEqual(['load', 'in force 1', `announce ${a}`, 'adopted 1']);
    expect(bed.reconciler.ready).toBe(true);
  });

  it('withdraws before it loads', async () => {
    const bed = new Bed();
    await bed.apply(outcome(1, [a, b]));
    bed.log.length = 0;
    bed.reconciler.withdraw([b], []);
    await bed.apply(outcome(2, []));
    expect(bed.log).toEqual([`announce ${a}`, 'load', 'in force 2', 'adopted 2']);
  });

  it('does not announce what has gone while its tables were being adopted', async () => {
    const bed = new Bed();
    const applied = bed.reconciler.apply(outcome(1, [a, b], { endsHoldDowns: true }));
    bed.reconciler.withdraw([b], [b]);
    bed.adopt();
    await applied;
    expect(bed.log).toEqual(['load', 'in force 1', `announce ${a}`, 'adopted 1']);
    expect(bed.reconciler.heldDown().map(([prefix]) => prefix)).toEqual([b]);
    await bed.apply(outcome(2, [a, b], { endsHoldDowns: true }));
    expect(bed.log.at(-2)).toBe(`announce ${a} ${b}`);
  });

  it('keeps to what is announced when native code refuses a snapshot, and lets nothing follow it', async () => {
    const bed = new Bed();
    await bed.apply(outcome(1, [a]));
    bed.log.length = 0;
    bed.failing = 'these bytes are no snapshot';
    await bed.apply(outcome(2, [a, b]));
    expect(bed.log).toEqual(['refused 2 these bytes are no snapshot']);
  });

  it('withdraws every route while the packet path is stuck, and brings them back', async () => {
    const bed = new Bed();
    await bed.apply(outcome(1, [a, b]));
    bed.log.length = 0;
    bed.reconciler.setBlocked('worker 0 makes no progress');
    expect(bed.reconciler.ready).toBe(false);
    expect(bed.reconciler.blocked).toBe('worker 0 makes no progress');
    bed.reconciler.setBlocked(null);
    expect(bed.log).toEqual(['announce ', `announce ${a} ${b}`]);
  });

  it('keeps what does not stand on the packet path while that is stuck', async () => {
    const bed = new Bed();
    await bed.apply(outcome(1, [a, `-${b}`]));
    bed.log.length = 0;
    bed.reconciler.setBlocked('worker 0 makes no progress');
    bed.reconciler.setBlocked(null);
    expect(bed.log).toEqual([`announce ${b}`, `announce ${a} ${b}`]);
  });

  it('tells the route that takes the place of others before these go', async () => {
    const bed = new Bed();
    await bed.apply(outcome(1, [a, b]));
    bed.log.length = 0;
    await bed.apply(outcome(2, ['203.0.113.0/28'], { replaced: [a, b] }));
    expect(bed.log).toEqual(['load', 'in force 2', `announce 203.0.113.0/28 ${a} ${b}`, 'announce 203.0.113.0/28', 'adopted 2']);
  });

  it('does not announce again too soon what health has withdrawn', async () => {
    const bed = new Bed();
    await bed.apply(outcome(1, [a, b]));
    bed.reconciler.withdraw([a], [a]);
    await bed.apply(outcome(2, []));
    bed.log.length = 0;
    await bed.apply(outcome(3, [a, b]));
    expect(bed.log).not.toContain(`announce ${a} ${b}`);
    expect(bed.reconciler.heldDown()).toEqual([[a, 'held down 1 s more after a withdrawal by health']]);
    await vi.advanceTimersByTimeAsync(holdDownMs.first);
    expect(bed.log.at(-1)).toBe(`announce ${a} ${b}`);
    expect(bed.reconciler.heldDown()).toEqual([]);
  });

  it('waits longer each time that a route flaps, and never longer than five seconds', async () => {
    const bed = new Bed();
    await bed.apply(outcome(1, [a]));
    const waits: number[] = [];
    for (let compile = 2; compile < 12; compile += 2) {
      bed.reconciler.withdraw([a], [a]);
      await bed.apply(outcome(compile, []));
      await bed.apply(outcome(compile + 1, [a]));
      bed.log.length = 0;
      const from = Date.now();
      while (bed.log.length === 0) await vi.advanceTimersToNextTimerAsync();
      waits.push(Date.now() - from);
    }
    expect(waits).toEqual([1000, 2000, 4000, 5000, 5000]);
  });

  it('lets reloads end a hold-down, and holds nothing that a document or an operator withdrew', async () => {
    const bed = new Bed();
    await bed.apply(outcome(1, [a, b]));
    bed.reconciler.withdraw([a], [a]);
    await bed.apply(outcome(2, [a, b], { endsHoldDowns: true }));
    expect(bed.log.at(-2)).toBe(`announce ${a} ${b}`);
    bed.reconciler.withdraw([b], []);
    await bed.apply(outcome(3, [a, b]));
    expect(bed.log.at(-2)).toBe(`announce ${a} ${b}`);
  });

  it('announces nothing before the packet path has started', async () => {
    const bed = new Bed();
    bed.reconciler.setBlocked('the packet path has not started');
    await bed.apply(outcome(1, [a]));
    expect(bed.log).toEqual(['load', 'in force 1', 'adopted 1']);
  });

  it('says once that there is nothing to announce, when that is certain', async () => {
    const bed = new Bed();
    bed.reconciler.setBlocked('the packet path has not started');
    bed.reconciler.withdraw([a], []);
    await bed.apply(outcome(1, []));
    bed.reconciler.setBlocked(null);
    bed.reconciler.withdraw([a], []);
    expect(bed.log).toEqual(['load', 'in force 1', 'adopted 1', 'announce ']);
  });
});
