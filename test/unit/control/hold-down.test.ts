import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  calmMs,
  heldReasons,
  holdDown,
  holdDownMs,
  isHeld,
  nextEndMs,
  nothingHeld,
  released,
} from '../../../src/control/hold-down.ts';

const a = '203.0.113.10/32';
const b = '203.0.113.11/32';

/** How long each of these withdrawals keeps the route away. */
function waits(...atMs: readonly number[]): readonly number[] {
  let held = nothingHeld;
  return atMs.map((now) => {
    held = holdDown(held, [a], now);
    return (nextEndMs(held, now) ?? now) - now;
  });
}

describe('a hold-down', () => {
  it('is short the first time and grows while the route flaps, up to five seconds', () => {
    expect(waits(0, 2000, 5000, 10_000, 16_000)).toEqual([1000, 2000, 4000, 5000, 5000]);
  });

  it('is short again after a minute without a withdrawal', () => {
    expect(waits(0, 2000, 2000 + calmMs - 1, 2000 + 2 * calmMs)).toEqual([1000, 2000, 4000, 1000]);
  });

  it('is of its own route alone, and ends by itself', () => {
    const held = holdDown(nothingHeld, [a], 0);
    expect([isHeld(held, a, 999), isHeld(held, b, 0), isHeld(held, a, 1000)]).toEqual([true, false, false]);
    expect([nextEndMs(held, 0), nextEndMs(held, 1000)]).toEqual([1000, null]);
  });

  it('says how long it lasts and why', () => {
    const once = holdDown(nothingHeld, [a], 0);
    expect(heldReasons(once, 1)).toEqual([[a, 'held down 1 s more after a withdrawal by health']]);
    const twice = holdDown(holdDown(once, [a, b], 2000), [a], 5000);
    expect(heldReasons(twice, 6500)).toEqual([[a, 'held down 3 s more after flapping (3 withdrawals by health)']]);
    expect(heldReasons(twice, 9000)).toEqual([]);
  });

  it('is ended by a document, but for what has gone since; the flapping stays known', () => {
    const held = holdDown(holdDown(nothingHeld, [a, b], 0), [a, b], 100);
    const after = released(held, new Set([b]), 200);
    expect([isHeld(after, a, 200), isHeld(after, b, 200)]).toEqual([false, true]);
    expect(nextEndMs(holdDown(after, [a], 300), 300)).toBe(2100);
    expect(isHeld(holdDown(after, [a], 300), a, 4299)).toBe(true);
  });

  it('never lasts longer than five seconds, and forgets routes that are calm', () => {
    const steps = fc.array(fc.record({ afterMs: fc.nat(2 * calmMs), prefix: fc.constantFrom(a, b) }), { maxLength: 50 });
    fc.assert(
      fc.property(steps, (given) => {
        let held = nothingHeld;
        let now = 0;
        for (const { afterMs, prefix } of given) {
          now += afterMs;
          held = holdDown(held, [prefix], now);
          expect(isHeld(held, prefix, now)).toBe(true);
          expect(isHeld(held, prefix, now + holdDownMs.limit)).toBe(false);
          for (const { latestMs } of held.values()) expect(now - latestMs).toBeLessThan(calmMs);
        }
      }),
      { numRuns: 100 },
    );
  });
});
