import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Core, chooseCores, coreList, usableCores } from '../../../src/balancer/cores.ts';

const core = (number: number, siblings: readonly number[] = [number], isNear = true): Core => ({ number, siblings, isNear });

describe('the cores of packet workers', () => {
  it('are one for each worker, of those that the process may use, none of them twice', () => {
    const cores = fc.uniqueArray(
      fc.record({ number: fc.nat(63), siblings: fc.array(fc.nat(63), { maxLength: 3 }), isNear: fc.boolean() }),
      { minLength: 1, selector: ({ number }) => number },
    );
    fc.assert(
      fc.property(cores, fc.integer({ min: 1, max: 64 }), (list, workers) => {
        const chosen = chooseCores(list, workers);
        expect(chosen).toHaveLength(workers <= list.length ? workers : 0);
        expect(new Set(chosen).size).toBe(chosen.length);
        expect(list.map(({ number }) => number)).toEqual(expect.arrayContaining([...chosen]));
      }),
    );
  });

  it('do not share execution units while there are others', () => {
    const threads = [core(0, [0, 1]), core(1, [0, 1]), core(2, [2, 3]), core(3, [2, 3])];
    expect(chooseCores(threads, 2)).toEqual([0, 2]);
    expect(chooseCores(threads, 3)).toEqual([0, 2, 1]);
  });

  it('are near the network card while there are such', () => {
    const nodes = [core(0, [0], false), core(1, [1], false), core(2), core(3)];
    expect(chooseCores(nodes, 2)).toEqual([2, 3]);
    expect(chooseCores(nodes, 3)).toEqual([2, 3, 0]);
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
