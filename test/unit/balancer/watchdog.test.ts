import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { feedWatchdog } from '../../../src/balancer/watchdog.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the service manager's watchdog on a node that forwards nothing", () => {
  it('is fed twice in the time that the manager waits, until told to stop', () => {
    const notify = vi.fn(() => true);
    const stop = feedWatchdog({ notify }, { WATCHDOG_USEC: '10000000' });
    vi.advanceTimersByTime(20_000);
    expect(notify.mock.calls).toEqual(Array.from({ length: 5 }, () => ['WATCHDOG=1']));
    stop();
    vi.advanceTimersByTime(20_000);
    expect(notify).toHaveBeenCalledTimes(5);
  });

  it.each([{}, { WATCHDOG_USEC: '0' }, { WATCHDOG_USEC: 'soon' }])('is left alone where no manager waits: %j', (env) => {
    const notify = vi.fn(() => true);
    feedWatchdog({ notify }, env);
    vi.advanceTimersByTime(60_000);
    expect(notify).not.toHaveBeenCalled();
  });
});
