import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { feedWatchdog } from '../../../src/balancer/watchdog.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the service manager's watchdog on a node that forwards nothing", () => {
  it('is fed twice in the time that the manager waits, until told to stop', () => {
    const notify = vi.fn(() => true);
    const stop = feedWatchdog({ net: { notify }, env: { WATCHDOG_USEC: '10000000' }, isAlive: () => true });
    vi.advanceTimersByTime(20_000);
    expect(notify.mock.calls).toEqual(Array.from({ length: 5 }, () => ['WATCHDOG=1']));
    stop();
    vi.advanceTimersByTime(20_000);
    expect(notify).toHaveBeenCalledTimes(5);
  });

  it('is not fed while something stands still', () => {
    const notify = vi.fn(() => true);
    let isAlive = true;
    const stop = feedWatchdog({ net: { notify }, env: { WATCHDOG_USEC: '10000000' }, isAlive: () => isAlive });
    isAlive = false;
    vi.advanceTimersByTime(20_000);
    expect(notify).toHaveBeenCalledTimes(1);
    isAlive = true;
    vi.advanceTimersByTime(5000);
    expect(notify).toHaveBeenCalledTimes(2);
    stop();
  });

  it.each([{}, { WATCHDOG_USEC: '0' }, { WATCHDOG_USEC: 'soon' }])('is left alone where no manager waits: %j', (env) => {
    const notify = vi.fn(() => true);
    feedWatchdog({ net: { notify }, env, isAlive: () => true });
    vi.advanceTimersByTime(60_000);
    expect(notify).not.toHaveBeenCalled();
  });
});
