import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CaptureClock } from '../../../src/replay/clock.ts';
import { secondsText } from '../../../src/replay/report.ts';

const day = 86_400_000_000_000n;

describe('the clock of a replay', () => {
  it('begins with the first packet and never goes back', () => {
    const clock = new CaptureClock();
    expect([1000n, 1500n, 1200n, 900n, 1501n].map((stamp) => clock.at(stamp))).toEqual([
      { sinceNs: 0n, stampNs: 1000n },
      { sinceNs: 500n, stampNs: 1500n },
      { sinceNs: 500n, stampNs: 1500n },
      { sinceNs: 500n, stampNs: 1500n },
      { sinceNs: 501n, stampNs: 1501n },
    ]);
  });

  it('lets a packet without a stamp come with the one before it', () => {
    const clock = new CaptureClock();
    expect([null, 70n, null, 80n].map((stamp) => clock.at(stamp))).toEqual([
      { sinceNs: 0n, stampNs: 0n },
      { sinceNs: 0n, stampNs: 70n },
      { sinceNs: 0n, stampNs: 70n },
      { sinceNs: 10n, stampNs: 80n },
    ]);
  });

  it('is the engine’s own up to a pause of eight days, and eight days for any longer one', () => {
    const clock = new CaptureClock();
    const asked = [0n, 5n, 7n * day, 15n * day, 20_000n * day, 20_000n * day + 1n];
    expect(asked.map((sinceNs) => clock.engineNs(sinceNs))).toEqual([0n, 5n, 7n * day, 15n * day, 23n * day, 23n * day + 1n]);
  });

  it('gives the engine times in order, whatever the stamps', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.bigInt({ min: -(1n << 63n), max: 1n << 66n }))), (stamps) => {
        const clock = new CaptureClock();
        const moments = stamps.map((stamp) => clock.at(stamp));
        const engine = moments.map(({ sinceNs }) => clock.engineNs(sinceNs));
        for (const list of [moments.map(({ sinceNs }) => sinceNs), engine]) {
          expect(list.every((time, i) => time >= 0n && time >= (list[i - 1] ?? 0n))).toBe(true);
        }
      }),
    );
  });
});

describe('seconds', () => {
  it('are exact and have a decimal', () => {
    expect([0n, 1n, 12_500_000_000n, 3_000_000_000n, 1_700_000_000_123_456_780n].map(secondsText)).toEqual([
      '0.0',
      '0.000000001',
      '12.5',
      '3.0',
      '1700000000.12345678',
    ]);
  });
});
