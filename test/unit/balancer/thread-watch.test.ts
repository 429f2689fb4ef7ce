import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lookMs, silenceLimitMs, ThreadWatch } from '../../../src/balancer/thread-watch.ts';
import { beatingThreads, openHeartbeats, startBeating } from '../../../src/heartbeats.ts';

describe('the watch on worker threads', () => {
  let words: Int32Array;
  let told: unknown[];
  let watch: ThreadWatch;

  beforeEach(() => {
    vi.useFakeTimers();
    words = openHeartbeats();
    told = [];
    watch = new ThreadWatch(words, (stuck) => told.push(stuck));
    watch.start();
  });
  afterEach(() => {
    watch.stop();
    vi.useRealTimers();
  });

  const pass = (ms: number, ...beating: readonly number[]): void => {
    for (let at = 0; at < ms; at += lookMs) {
      for (const word of beating) Atomics.add(words, word, 1);
      vi.advanceTimersByTime(lookMs);
    }
  };
  const others = beatingThreads.map((_, word) => word).slice(1);

  it('tells of one that was silent for as long as the limit, and of none before', () => {
    pass(lookMs, 0, ...others);
    pass(silenceLimitMs - lookMs, ...others);
    expect(told).toEqual([]);
    pass(lookMs, ...others);
    expect(told).toEqual([[beatingThreads[0]]]);
    expect(watch.stuck).toEqual([beatingThreads[0]]);
  });

  it('tells when it goes on', () => {
    pass(lookMs, 0);
    pass(silenceLimitMs);
    pass(lookMs, 0);
    expect(told).toEqual([[beatingThreads[0]], []]);
  });

  it('has no opinion on one that has not begun or has ended', () => {
    pass(silenceLimitMs * 2);
    pass(lookMs, 0);
    Atomics.store(words, 0, 0);
    pass(silenceLimitMs * 2);
    expect(told).toEqual([]);
  });

  it('does not count the time in which it did not run itself', () => {
    pass(lookMs, 0);
    const start = performance.now();
    for (let look = 1; look <= 10; look++) {
      vi.spyOn(performance, 'now').mockReturnValue(start + look * silenceLimitMs);
      vi.advanceTimersByTime(lookMs);
    }
    vi.restoreAllMocks();
    expect(told).toEqual([]);
  });

  it('sees what a thread shows, from its first moment to its end', () => {
    const before = process.listeners('exit');
    startBeating('checks');
    const word = beatingThreads.indexOf('checks');
    expect(words[word]).toBe(1);
    pass(silenceLimitMs * 2);
    expect(words[word]).toBeGreaterThan(1);
    expect(told).toEqual([]);
    const [end] = process.listeners('exit').filter((listener) => !before.includes(listener));
    end?.(0);
    expect(words[word]).toBe(0);
  });
});
