import { describe, expect, it } from 'vitest';
import {
  afterLook,
  confirmMs,
  freshWatch,
  lookIntervalMs,
  nextLookMs,
  type PathLook,
  type PathWatch,
} from '../../../src/control/path-watch.ts';

type Seen = Omit<PathLook, 'atMs'>;

const fine: Seen = { stuck: [], devices: [{ name: 'eth0', state: 'up' }] };

/** Each look when the one before asks for it. */
const after = (...looks: readonly Seen[]): PathWatch => {
  let atMs = 0;
  return looks.reduce((watch, look) => {
    atMs += nextLookMs(watch);
    return afterLook(watch, { ...look, atMs });
  }, freshWatch);
};

describe("the packet path's watchdog", () => {
  it('is content while every worker beats and every device is up', () => {
    expect(after(fine, fine)).toMatchObject({ isStuck: false, trouble: null });
  });

  const missed = { ...fine, stuck: [1] };
  const stuck = { isStuck: true, trouble: 'the packet path makes no progress (worker 1)' };

  it('forgives one missed beat, not two in a row', () => {
    expect(after(missed, fine, missed).trouble).toBeNull();
    expect(after(missed, missed)).toMatchObject(stuck);
    expect(after(missed, missed, fine).trouble).toBeNull();
  });

  it('is certain within three quarters of a second of a worker that stands still, be it from the start', () => {
    let watch = freshWatch;
    let atMs = 0;
    while (!watch.isStuck) {
      atMs += nextLookMs(watch);
      // It beat a last time right after the first look.
      watch = afterLook(watch, { ...fine, stuck: atMs > lookIntervalMs ? [1] : [], atMs });
    }
    expect(atMs - lookIntervalMs).toBe(lookIntervalMs + confirmMs);
    expect(atMs).toBeLessThanOrEqual(750);
    expect(after(missed, missed)).toMatchObject(stuck);
  });

  it('does not believe looks that follow each other closely: all threads wake at once when a process goes on', () => {
    const late = afterLook(freshWatch, { ...missed, atMs: 60_000 });
    const close = afterLook(late, { ...missed, atMs: 60_000 + confirmMs - 1 });
    expect(close.trouble).toBeNull();
    expect(afterLook(close, { ...fine, atMs: 60_400 }).missedAtMs.size).toBe(0);
    expect(afterLook(close, { ...missed, atMs: 60_000 + confirmMs })).toMatchObject(stuck);
  });

  it('looks again soon where a beat is missing, and no more often than usual at one that is stuck', () => {
    expect([after(fine), after(missed), after(missed, missed)].map(nextLookMs)).toEqual([
      lookIntervalMs,
      confirmMs,
      lookIntervalMs,
    ]);
  });

  it('says what is wrong with a device that the kernel forwards on, which is no standstill', () => {
    const forwarding: Seen = { stuck: [], devices: [{ name: 'eth0', state: 'forwarding' }] };
    const trouble =
      'the kernel forwards packets on device eth0 and would send VIP traffic a second time (net.ipv4.conf.eth0.forwarding or net.ipv6.conf.all.forwarding is 1)';
    expect(after(forwarding)).toMatchObject({ isStuck: false, trouble });
  });

  it('names devices that are down or gone, which is no standstill', () => {
    const down: Seen = {
      stuck: [],
      devices: [
        { name: 'eth0', state: 'down' },
        { name: 'eth1', state: 'gone' },
      ],
    };
    expect(after(down)).toMatchObject({ isStuck: false, trouble: 'device eth0 is down, device eth1 is gone' });
  });

  it('says why a device that is there again is not taken up', () => {
    const refused: Seen = {
      stuck: [],
      devices: [{ name: 'eth0', state: 'gone', reason: 'eth0: another XDP program is attached' }],
    };
    expect(after(refused).trouble).toBe('device eth0: another XDP program is attached');
  });
});
