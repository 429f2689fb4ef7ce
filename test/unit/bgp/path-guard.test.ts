import { beforeEach, describe, expect, it } from 'vitest';
import { lookIntervalMs, missedLooks, PathGuard } from '../../../src/bgp/path-guard.ts';
import { FakeClock } from './support/fake-network.ts';

const forwarded = { prefix: '203.0.113.10/32', policy: {} };
const local = { prefix: '203.0.113.53/32', policy: {}, withoutPath: true };
const both = [forwarded, local];

describe('what stands between main and the speaker', () => {
  let clock: FakeClock;
  let told: unknown[];
  let guard: PathGuard;
  /** Of two workers, at the time of the next look. */
  let beats: readonly number[];

  beforeEach(() => {
    clock = new FakeClock();
    told = [];
    guard = new PathGuard({ clock, announce: (routes) => told.push(routes) });
    beats = [1, 1];
  });

  /** Each look finds those workers to have made a round since the one before. */
  const looks = async (count: number, living: readonly [boolean, boolean]): Promise<void> => {
    for (let i = 0; i < count; i++) {
      beats = beats.map((beat, worker) => beat + (living[worker] === true ? 1 : 0));
      await clock.advance(lookIntervalMs);
    }
  };

  it('passes routes on as they come where there is no packet path', () => {
    guard.set(both);
    guard.set([]);
    expect(told).toEqual([both, []]);
  });

  it('withholds what is forwarded once a worker has missed its looks, and nothing before or else', async () => {
    guard.set(both);
    guard.watch(() => beats);
    await looks(2, [true, true]);
    await looks(missedLooks - 1, [true, false]);
    expect(told).toEqual([both]);
    await looks(3, [true, false]);
    expect(told).toEqual([both, [local]]);
  });

  it('is certain within a second', () => {
    expect(lookIntervalMs * (missedLooks + 1)).toBeLessThanOrEqual(1000);
  });

  it('forgives looks without a beat when one comes in between', async () => {
    guard.set(both);
    guard.watch(() => beats);
    for (let i = 0; i < 3; i++) {
      await looks(missedLooks - 1, [false, true]);
      await looks(1, [true, true]);
    }
    expect(told).toEqual([both]);
  });

  it('announces again what main wants by then when the worker goes on', async () => {
    guard.set([forwarded]);
    guard.watch(() => beats);
    await looks(missedLooks, [false, false]);
    guard.set(both);
    await looks(1, [true, true]);
    expect(told).toEqual([[forwarded], [], [local], both]);
  });

  it('says nothing before main has, so that no session is told that there is nothing', async () => {
    guard.watch(() => beats);
    await looks(missedLooks + 1, [false, false]);
    await looks(1, [true, true]);
    expect(told).toEqual([]);
  });

  it('looks no more once it is closed', async () => {
    guard.set(both);
    guard.watch(() => beats);
    guard.close();
    await looks(missedLooks + 1, [false, false]);
    expect(told).toEqual([both]);
  });
});
