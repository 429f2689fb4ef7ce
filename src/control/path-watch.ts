// The packet path's watchdog: says why no VIP may be announced, from what the workers and devices showed at each look.
// Pure; main looks every lookIntervalMs.
//
// A worker beats at least every 100 ms, idle or not. Two looks without a beat make it stuck: one could be our own doing,
// since two late timers may follow each other closely.

export const lookIntervalMs = 250;
const looksUntilStuck = 2;

export interface PathLook {
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
  /** Looks without a beat, by worker. */
  readonly missed: ReadonlyMap<number, number>;
  /** A worker stands still; nothing but a restart helps. */
  readonly isStuck: boolean;
  /** Null while the path works. */
  readonly trouble: string | null;
}

export const freshWatch: PathWatch = { missed: new Map(), isStuck: false, trouble: null };

export function afterLook({ missed }: PathWatch, { stuck, devices }: PathLook): PathWatch {
  const now = new Map(stuck.map((worker) => [worker, (missed.get(worker) ?? 0) + 1]));
  const dead = [...now].filter(([, looks]) => looks >= looksUntilStuck).map(([worker]) => worker);
  const bad = devices.filter(({ state }) => state !== 'up');
  if (dead.length > 0) {
    return { missed: now, isStuck: true, trouble: `the packet path makes no progress (worker ${dead.join(', ')})` };
  }
  const words = bad.map(
    ({ name, state, reason = '' }) =>
      sentences[state]?.(name) ?? (reason === '' ? `device ${name} is ${state}` : `device ${reason}`),
  );
  return { missed: now, isStuck: false, trouble: words.length === 0 ? null : words.join(', ') };
}

const sentences: Readonly<Record<string, (device: string) => string>> = {
  forwarding: (device) =>
    `the kernel forwards packets on device ${device} and would send VIP traffic a second time (net.ipv4.conf.${device}.forwarding or net.ipv6.conf.all.forwarding is 1)`,
  mtu: (device) =>
    `the MTU of device ${device} was raised above what its engine takes: set it back with \`ip link set ${device} mtu\`, or restart to see what is possible`,
};
