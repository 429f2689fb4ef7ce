// Has a network card use as many queues as there are workers, where it has them: one queue is one worker's. Main thread, before the
// engines open their sockets and after they closed them, since a card in use refuses.
//
// Only ever raises the number, and never above the workers: a card with more queues is served by turns. What was raised is set back at
// the end. A try, like everything here that the kernel may refuse.

import { messageOf } from '../errors.ts';
import type { NetAddon } from '../net.ts';

export interface Raised {
  /** For the log; a card with enough queues has no line. */
  readonly lines: readonly string[];
  restore(): void;
}

/** `known`: how many a device had before torii, where that is known better than by looking. */
export function raiseChannels(
  net: Pick<NetAddon, 'channels' | 'setChannels'>,
  devices: readonly string[],
  workers: number,
  known: ReadonlyMap<string, number> = new Map(),
): Raised {
  const before = new Map<string, number>();
  const lines: string[] = [];
  for (const device of devices) {
    try {
      const { count, max } = net.channels(device) ?? { count: workers, max: workers };
      const original = known.get(device) ?? count;
      if (original !== count) before.set(device, original);
      const wanted = Math.min(workers, max);
      if (count >= wanted) continue;
      net.setChannels(device, wanted);
      before.set(device, original);
      lines.push(`${device}: ${wanted} queues instead of ${count}, for ${workers} workers`);
    } catch (error) {
      lines.push(`${device}: the number of queues stays as it is: ${messageOf(error)}`);
    }
  }
  return { lines, restore: () => restore(net, before) };
}

function restore(net: Pick<NetAddon, 'setChannels'>, before: ReadonlyMap<string, number>): void {
  for (const [device, count] of before) {
    try {
      net.setChannels(device, count);
    } catch {
      // The device is gone, or somebody else's by now.
    }
  }
}
