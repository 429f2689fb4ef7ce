import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Core, coreList, planWorkers, usableCores } from '../../../src/balancer/cores.ts';

const core = (number: number, siblings: readonly number[] = [number], isNear = true): Core => ({ number, siblings, isNear });

const shared = (...numbers: readonly number[]): readonly Core[] => numbers.map((number) => core(number, numbers));

describe('the cores of packet workers', () => {
  it('are one for each worker, of those that the process may use, none twice, and never all', () => {
    const cores = fc.uniqueArray(
      fc.record({ number: fc.nat(63), siblings: fc.array(fc.nat(63), { maxLength: 3 }), isNear: fc.boolean() }),
      { minLength: 4, selector: ({ number }) => number },
    );
    fc.assert(
      fc.property(cores, (list) => {
        const plan = planWorkers(list, 1);
        expect(plan.workers).toBe(Math.min(16, list.length - 1));
        expect(plan.cores).toHaveLength(plan.workers);
        expect(new Set(plan.cores).size).toBe(plan.workers);
        expect(list.map(({ number }) => number)).toEqual(expect.arrayContaining([...plan.cores]));
      }),
    );
  });

  it('are any where none is left to everything else', () => {
    expect(planWorkers([core(0), core(1)], 8)).toEqual({ workers: 2, cores: [] });
    expect(planWorkers([core(4)], 8)).toEqual({ workers: 1, cores: [] });
    expect(planWorkers([], 2)).toEqual({ workers: 2, cores: [] });
    expect(planWorkers([], 64)).toEqual({ workers: 16, cores: [] });
  });

  it('leave the first one to interrupts and the other threads', () => {
    expect(planWorkers([core(0), core(1), core(2), core(3)], 1)).toEqual({ workers: 3, cores: [1, 2, 3] });
  });

  it('do not share execution units while there are others', () => {
    expect(planWorkers([...shared(0, 1), ...shared(2, 3)], 1).cores).toEqual([1, 2, 3]);
    expect(planWorkers([...shared(0, 4), ...shared(1, 5), ...shared(2, 6)], 1).cores).toEqual([4, 1, 2, 5, 6]);
  });

  it('are near the network card while there are such', () => {
    const nodes = [core(0), core(1), core(2, [2], false), core(3, [3], false), core(4), core(5)];
    expect(planWorkers(nodes, 1).cores).toEqual([1, 4, 5, 0, 2]);
  });

  it('are read from what the kernel tells of this process, the processors and the card', () => {
    const root = mkdtempSync(join(tmpdir(), 'torii-cores-'));
    const write = (path: string, text: string): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    write('/proc/self/status', 'Name:\tnode\nCpus_allowed:\tb\nCpus_allowed_list:\t0-1,3\n');
    for (const n of [0, 1]) write(`/sys/devices/system/cpu/cpu${n}/topology/thread_siblings_list`, '0-1\n');
    write('/sys/devices/system/cpu/cpu3/topology/thread_siblings_list', '3\n');
    write('/sys/class/net/eth0/device/local_cpulist', '0-1\n');
    const cores = usableCores(['eth0', 'veth0'], root);
    rmSync(root, { recursive: true });
    expect(cores).toEqual([core(0, [0, 1]), core(1, [0, 1]), core(3, [3], false)]);
  });

  it('come as lists of single ones and ranges', () => {
    expect(coreList('0-3,8,10-11\n')).toEqual([0, 1, 2, 3, 8, 10, 11]);
    expect(coreList('')).toEqual([]);
  });
});
