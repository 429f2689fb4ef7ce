import { describe, expect, it } from 'vitest';
import { afterTelling, afterWords, nextDrainEndMs, nothingDraining, tellingMs } from '../../../src/control/draining.ts';
import { noOverrides, type Overrides, withChange } from '../../../src/control/overrides.ts';
import type { Change } from '../../../src/model/views.ts';

const anyTarget = { hasVip: () => true, hasBackend: () => true, poolsOf: () => ['web'] };
const say = (overrides: Overrides, change: Change): Overrides =>
  withChange(overrides, anyTarget, { change, context: { by: 'alice', why: null, forSec: null, ifRevision: null }, nowMs: 0 });

const vip = '203.0.113.10:80/tcp';
const maintenance = say(noOverrides, { kind: 'maintenance', value: true });
const both = say(maintenance, { kind: 'hold', target: vip, value: true });
const atStart = afterWords(nothingDraining, noOverrides, 5000, 0);
const keysOf = (draining: ReturnType<typeof afterWords>): readonly string[] => [...draining.untilMs.keys()];

describe('a word against routes', () => {
  it('drains them for a while, each word for its own', () => {
    const first = afterTelling(afterWords(atStart, maintenance, 5000, 0), maintenance, 5000, 1000);
    const second = afterTelling(afterWords(first, both, 5000, 2000), both, 5000, 3000);
    expect([...second.untilMs]).toEqual([
      ['maintenance node', 6000],
      [`hold ${vip}`, 8000],
    ]);
    expect(nextDrainEndMs(second)).toBe(6000);
    expect(keysOf(afterWords(second, both, 5000, 6000))).toEqual([`hold ${vip}`]);
    const after = afterWords(second, both, 5000, 8000);
    expect([keysOf(after), nextDrainEndMs(after)]).toEqual([[], null]);
  });

  it('has its time from when routers are told, which other tables that come first do not start', () => {
    const said = afterTelling(afterWords(atStart, maintenance, 5000, 0), noOverrides, 5000, 3000);
    expect(keysOf(afterWords(said, maintenance, 5000, 6000))).toEqual(['maintenance node']);
    const told = afterTelling(said, maintenance, 5000, 7000);
    expect(nextDrainEndMs(afterTelling(told, maintenance, 5000, 9000))).toBe(12_000);
  });

  it('does not wait for ever for workers that adopt nothing', () => {
    const end = nextDrainEndMs(afterWords(atStart, maintenance, 5000, 0));
    expect(end).toBe(tellingMs + 5000);
  });

  it('that stood at the start drains nothing', () => {
    expect(keysOf(afterWords(nothingDraining, both, 5000, 0))).toEqual([]);
  });

  it('does not drain again when it is said again, but when it was taken back meanwhile', () => {
    const told = afterTelling(afterWords(atStart, maintenance, 5000, 0), maintenance, 5000, 0);
    const over = afterWords(told, maintenance, 5000, 5000);
    const again = say(maintenance, { kind: 'maintenance', value: true });
    expect(keysOf(afterWords(over, again, 5000, 6000))).toEqual([]);
    const back = afterWords(over, noOverrides, 5000, 7000);
    expect(keysOf(afterWords(back, maintenance, 5000, 8000))).toEqual(['maintenance node']);
  });

  it('ends at once when it is taken back', () => {
    expect(keysOf(afterWords(afterWords(atStart, maintenance, 5000, 0), noOverrides, 5000, 1))).toEqual([]);
  });

  it('drains nothing without a time for it, nor is any other word drained', () => {
    expect(keysOf(afterWords(atStart, maintenance, 0, 0))).toEqual([]);
    const drained = say(noOverrides, { kind: 'state', target: 'web/10.0.2.21', value: 'draining' });
    expect(keysOf(afterWords(atStart, drained, 5000, 0))).toEqual([]);
  });
});
