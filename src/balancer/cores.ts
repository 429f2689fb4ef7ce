// How many packet workers there are, and which processor core each stays on. What this machine has is read once, at start. Main
// thread.
//
// A worker that wanders loses its caches with every move, and two that meet on one core halve each other. But one that may not
// leave a core waits for whatever else runs there: on two busy cores bound workers lost packets where free ones lost none. So workers
// are bound where a core is left to everything else: from four on. Cores near the network card come first, then those that do not
// share their execution units with one that is taken already; the first core, where interrupts go by default, comes last.

import { readFileSync } from 'node:fs';

export interface Core {
  readonly number: number;
  /** What it shares its execution units with, itself among them. */
  readonly siblings: readonly number[];
  /** Memory and interrupts of every device reach it directly. */
  readonly isNear: boolean;
}

const workersMax = 16;
const boundFrom = 4;

export interface WorkerPlan {
  readonly workers: number;
  /** Worker n stays on cores[n]; empty: they run anywhere. */
  readonly cores: readonly number[];
}

/** `fallback`: how many cores there are where the kernel does not say which. */
export function planWorkers(cores: readonly Core[], fallback: number): WorkerPlan {
  const count = cores.length === 0 ? fallback : cores.length;
  if (cores.length < boundFrom) return { workers: Math.min(workersMax, count), cores: [] };
  const workers = Math.min(workersMax, count - 1);
  return { workers, cores: chooseCores([...cores.slice(1), ...cores.slice(0, 1)], workers) };
}

/** The best `count` of them, of equal ones the first. */
function chooseCores(cores: readonly Core[], count: number): readonly number[] {
  const left = [...cores];
  const chosen: Core[] = [];
  while (chosen.length < count) {
    const isShared = ({ number }: Core): boolean => chosen.some(({ siblings }) => siblings.includes(number));
    const rank = (core: Core): number => Number(isShared(core)) * 2 + Number(!core.isNear);
    const best = left.reduce((first, core) => (rank(core) < rank(first) ? core : first));
    chosen.push(best);
    left.splice(left.indexOf(best), 1);
  }
  return chosen.map(({ number }) => number);
}

/** The cores that this process may run on, as its affinity and its container's set say. Empty where the kernel does not tell. */
export function usableCores(devices: readonly string[], root = ''): readonly Core[] {
  const read = (path: string): string => readText(`${root}${path}`);
  const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(read('/proc/self/status'))?.[1] ?? '';
  const near = devices.map((name) => coreList(read(`/sys/class/net/${name}/device/local_cpulist`)));
  return coreList(allowed).map((number) => ({
    number,
    siblings: coreList(read(`/sys/devices/system/cpu/cpu${number}/topology/thread_siblings_list`)),
    // A virtual device is near everything.
    isNear: near.every((list) => list.length === 0 || list.includes(number)),
  }));
}

/** "0-3,8" → 0, 1, 2, 3, 8 (cpuset(7), list format). */
export function coreList(text: string): readonly number[] {
  return text
    .trim()
    .split(',')
    .flatMap((part) => {
      const [first, last = first] = part.split('-').map(Number);
      if (part === '' || first === undefined || last === undefined || !(first <= last)) return [];
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
