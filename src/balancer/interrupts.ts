// Brings each receive queue of a network card to the core of the worker that serves it: the queue's interrupt goes there, and the kernel
// does not hand its packets on to other cores (RPS). Main thread, at start and at the end.
//
// Only where workers are bound to cores (cores.ts); elsewhere the kernel's spreading is better than ours. Every setting is a try, since a
// container, a unit with ProtectKernelTunables= or a virtual device has none of it; what was set is set back at the end. Queue q is
// worker q's, and so on in turns, as the engine has it.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Vectors of a queue, as drivers name them: virtio0-input.3, eth0-TxRx-3, mlx5_comp3@pci:…, ens5-Tx-Rx-3. */
const queueVector = /(?:rx|tx|input|output|comp|fp|queue|q)[._-]?(\d+)(?:@.*)?$/i;

interface Setting {
  readonly path: string;
  readonly wanted: string;
}

export interface Bound {
  /** For the log, a line a device. */
  readonly lines: readonly string[];
  /** What files held that are changed, by path. */
  readonly before: ReadonlyMap<string, string>;
  /** Sets back what was set. */
  restore(): void;
}

export interface BindQueuesParams {
  readonly devices: readonly string[];
  /** By worker; empty: nothing is done. */
  readonly cores: readonly number[];
  /** What a daemon that was killed found in files that it changed, by path. */
  readonly left?: ReadonlyMap<string, string>;
  readonly root?: string;
}

export function bindQueues({ devices, cores, left = new Map(), root = '' }: BindQueuesParams): Bound {
  const undo: Setting[] = [...left].map(([path, wanted]) => ({ path, wanted }));
  const lines = cores.length === 0 ? [] : devices.map((device) => bindDevice({ device, cores, root, undo }));
  return {
    lines,
    before: new Map([...undo].reverse().map(({ path, wanted }) => [path, wanted])),
    restore: () => {
      for (const setting of undo.splice(0).reverse()) write(setting);
    },
  };
}

/** Writes what files held before, as far as that is possible. */
export function restoreSettings(before: ReadonlyMap<string, string>): void {
  for (const [path, wanted] of before) write({ path, wanted });
}

interface BindParams {
  readonly device: string;
  readonly cores: readonly number[];
  readonly root: string;
  readonly undo: Setting[];
}

function bindDevice({ device, cores, root, undo }: BindParams): string {
  const settings = [...interruptSettings(device, cores, root), ...steeringSettings(device, root)];
  if (settings.length === 0) return `${device}: no interrupts of receive queues to bind`;
  const failures = new Set<string>();
  let set = 0;
  for (const setting of settings) {
    const before = read(setting.path);
    if (before === setting.wanted) continue;
    const failure = write(setting);
    if (failure !== null) failures.add(failure);
    else {
      set++;
      undo.push({ path: setting.path, wanted: before });
    }
  }
  const said = `${device}: ${set} of ${settings.length} settings of queues changed for cores ${cores.join(', ')}`;
  return failures.size === 0 ? said : `${said}; the others cannot be: ${[...failures].join(', ')}`;
}

function interruptSettings(device: string, cores: readonly number[], root: string): readonly Setting[] {
  // A virtio device's vectors are those of the PCI device it hangs on.
  const vectors = ['device/msi_irqs', 'device/../msi_irqs'].map((at) => list(`${root}/sys/class/net/${device}/${at}`));
  return (vectors.find((each) => each.length > 0) ?? []).flatMap((irq) => {
    const names = list(`${root}/proc/irq/${irq}`).map((name) => queueVector.exec(name)?.[1]);
    const queue = names.find((number) => number !== undefined);
    const core = queue === undefined ? undefined : cores[Number(queue) % cores.length];
    return core === undefined ? [] : [{ path: `${root}/proc/irq/${irq}/smp_affinity_list`, wanted: String(core) }];
  });
}

/** Packets stay on the core that their queue's interrupt goes to. */
function steeringSettings(device: string, root: string): readonly Setting[] {
  const queues = `${root}/sys/class/net/${device}/queues`;
  return list(queues).flatMap((queue) => {
    const path = `${queues}/${queue}/rps_cpus`;
    return queue.startsWith('rx-') && /[1-9a-f]/.test(read(path)) ? [{ path, wanted: '0' }] : [];
  });
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Why it could not be written, in the kernel's word; null when it was. */
function write({ path, wanted }: Setting): string | null {
  try {
    writeFileSync(path, wanted);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
