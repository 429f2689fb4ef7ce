import { describe, expect, it } from 'vitest';
import { afterLook, freshWatch, type PathLook } from '../../../src/control/path-watch.ts';

const fine: PathLook = { stuck: [], devices: [{ name: 'eth0', state: 'up' }] };
const after = (...looks: readonly PathLook[]) => looks.reduce(afterLook, freshWatch);

describe("the packet path's watchdog", () => {
  it('is content while every worker beats and every device is up', () => {
    expect(after(fine, fine)).toMatchObject({ isStuck: false, trouble: null });
  });

  it('forgives one missed beat, not two in a row', () => {
    const missed = { ...fine, stuck: [1] };
    expect(after(missed, fine, missed).trouble).toBeNull();
    expect(after(missed, missed)).toMatchObject({ isStuck: true, trouble: 'the packet path makes no progress (worker 1)' });
    expect(after(missed, missed, fine).trouble).toBeNull();
  });

  it('says what is wrong with a device that the kernel forwards on, which is no standstill', () => {
    const forwarding: PathLook = { stuck: [], devices: [{ name: 'eth0', state: 'forwarding' }] };
    const trouble =
      'the kernel forwards packets on device eth0 and would send VIP traffic a second time (net.ipv4.conf.eth0.forwarding or net.ipv6.conf.all.forwarding is 1)';
    expect(after(forwarding)).toMatchObject({ isStuck: false, trouble });
  });

  it('names devices that are down or gone, which is no standstill', () => {
    const down: PathLook = {
      stuck: [],
      devices: [
        { name: 'eth0', state: 'down' },
        { name: 'eth1', state: 'gone' },
      ],
    };
    expect(after(down)).toMatchObject({ isStuck: false, trouble: 'device eth0 is down, device eth1 is gone' });
  });

  it('says why a device that is there again is not taken up', () => {
    const refused: PathLook = {
      stuck: [],
      devices: [{ name: 'eth0', state: 'gone', reason: 'eth0: another XDP program is attached' }],
    };
    expect(after(refused).trouble).toBe('device eth0: another XDP program is attached');
  });
});
