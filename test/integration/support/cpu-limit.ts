// Leaves one thread a part of the processor: a group of its own with a quota (CFS bandwidth control, cgroup version 1 or 2).

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

const periodUs = 20_000;
const v1 = '/sys/fs/cgroup/cpu';
const v2 = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => existsSync(`${path}/cgroup.controllers`));

/** Whether this machine lets us. */
export function canLimitCpu(): boolean {
  try {
    new CpuLimit('probe', 0.5).remove();
    return true;
  } catch {
    return false;
  }
}

export class CpuLimit {
  readonly #group: string;
  readonly #tasks: string;

  /** `share` of one processor, at least a twentieth. */
  constructor(name: string, share: number) {
    const quotaUs = Math.round(periodUs * share);
    const isV1 = existsSync(`${v1}/cpu.cfs_quota_us`);
    this.#group = `${isV1 ? v1 : (v2 ?? v1)}/torii-test-${name}-${process.pid}`;
    this.#tasks = isV1 ? 'tasks' : 'cgroup.threads';
    mkdirSync(this.#group);
    try {
      if (isV1) {
        this.#write('cpu.cfs_period_us', periodUs);
        this.#write('cpu.cfs_quota_us', quotaUs);
      } else {
        this.#write('cgroup.type', 'threaded');
        this.#write('cpu.max', `${quotaUs} ${periodUs}`);
      }
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** The thread of that name in the process. */
  take(pid: number, threadName: string): void {
    const tid = readdirSync(`/proc/${pid}/task`).find(
      (each) => readFileSync(`/proc/${pid}/task/${each}/comm`, 'utf8').trim() === threadName,
    );
    if (tid === undefined) throw new Error(`process ${pid} has no thread ${threadName}`);
    this.#write(this.#tasks, tid);
  }

  /** Nothing may be in it any more. */
  remove(): void {
    rmdirSync(this.#group);
  }

  #write(file: string, value: string | number): void {
    writeFileSync(`${this.#group}/${file}`, String(value));
  }
}
