// The packet path's watchdog: says why no VIP may be announced, from what the workers and devices showed at each look.
// Pure; main looks when nextLookMs says.
//
// A worker beats at least every 100 ms, idle or not. One that has not between two looks is looked at again after confirmMs: a look
// without a beat could be our own doing, since a process that was stopped as a whole, or a machine that was, wakes all its threads
// at once. Only when it has not beaten by then either is it stuck. Looks that come late for want of a processor change nothing of
// that but the time.

export const lookIntervalMs = 250;
/** More than the 100 ms between two beats. */
export const confirmMs = 150;

export interface PathLook {
  /** Milliseconds, any origin. */
  readonly atMs: number;
  /** Workers without a beat since the look before. */
  readonly stuck: readonly number[];
  readonly devices: readonly DeviceLook[];
}

interface DeviceLook {
  readonly name: string;
  readonly state: 'up' | 'forwarding' | 'mtu' | 'down' | 'gone';
  /** Why one that is `gone` but there cannot be taken up; may be empty. */
  readonly reason?: string;
}

export interface PathWatch {
  /** When a worker was first seen without a beat since the look before, of those that have not beaten since. */
  readonly missedAtMs: ReadonlyMap<number, number>;
  /** A worker stands still; nothing but a restart helps. */
  readonly isStuck: boolean;
  /** Null while the path works. */
  readonly trouble: string | null;
}

export const freshWatch: PathWatch = { missedAtMs: new Map(), isStuck: false, trouble: null };

/** How long to wait with the next look. */
export function nextLookMs({ missedAtMs, isStuck }: PathWatch): number {
  return missedAtMs.size > 0 && !isStuck ? confirmMs : lookIntervalMs;
}

export function afterLook(before: PathWatch, { atMs, stuck, devices }: PathLook): PathWatch {
  const missedAtMs = new Map(stuck.map((worker) => [worker, before.missedAtMs.get(worker) ?? atMs]));
  const dead = [...missedAtMs].filter(([, sinceMs]) => atMs - sinceMs >= confirmMs).map(([worker]) => worker);
  const bad = devices.filter(({ state }) => state !== 'up');
  if (dead.length > 0) {
    return { missedAtMs, isStuck: true, trouble: `the packet path makes no progress (worker ${dead.join(', ')})` };
  }
  const words = bad.map(
    ({ name, state, reason = '' }) =>
      sentences[state]?.(name) ?? (reason === '' ? `device ${name} is ${state}` : `device ${reason}`),
  );
  return { missedAtMs, isStuck: false, trouble: words.length === 0 ? null : words.join(', ') };
}

const sentences: Readonly<Record<string, (device: string) => string>> = {
  forwarding: (device) =>
    `the kernel forwards packets on device ${device} and would send VIP traffic a second time (net.ipv4.conf.${device}.forwarding or net.ipv6.conf.all.forwarding is 1)`,
  mtu: (device) =>
    `the MTU of device ${device} was raised above what its engine takes: set it back with \`ip link set ${device} mtu\`, or restart to see what is possible`,
};
