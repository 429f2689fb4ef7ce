import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bindQueues } from '../../../src/balancer/interrupts.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'torii-interrupts-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
const read = (path: string): string => readFileSync(join(root, path), 'utf8').trim();

/** Vectors of a card, the first of them 40. */
function card(names: readonly string[], under: string): void {
  for (const [i, name] of names.entries()) {
    write(`${under}/msi_irqs/${40 + i}`, 'msix\n');
    write(`/proc/irq/${40 + i}/smp_affinity_list`, '0-7\n');
    mkdirSync(join(root, `/proc/irq/${40 + i}/${name}`));
  }
}
const affinities = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => read(`/proc/irq/${40 + i}/smp_affinity_list`));

describe('the queues of a card', () => {
  it.each([
    ['ixgbe', ['eth0-TxRx-0', 'eth0-TxRx-1', 'eth0-TxRx-2', 'eth0']],
    ['mlx5', ['mlx5_comp0@pci:0000:01:00.0', 'mlx5_comp1@pci:0000:01:00.0', 'mlx5_comp2@pci:0000:01:00.0', 'mlx5_async0@pci']],
    ['ena', ['ens5-Tx-Rx-0', 'ens5-Tx-Rx-1', 'ens5-Tx-Rx-2', 'ena-mgmnt@pci:0000:00:05.0']],
  ])('of %s interrupt the cores of their workers, in turns, and other vectors stay', (_, names) => {
    card(names, '/sys/class/net/eth0/device');
    bindQueues({ devices: ['eth0'], cores: [2, 5], root });
    expect(affinities(4)).toEqual(['2', '5', '2', '0-7']);
  });

  it('of virtio, whose vectors are those of the device it hangs on, do so in pairs', () => {
    mkdirSync(join(root, '/sys/bus/pci/virtio0'), { recursive: true });
    mkdirSync(join(root, '/sys/class/net/eth0'), { recursive: true });
    symlinkSync(join(root, '/sys/bus/pci/virtio0'), join(root, '/sys/class/net/eth0/device'));
    card(['virtio0-config', 'virtio0-input.0', 'virtio0-output.0', 'virtio0-input.1', 'virtio0-output.1'], '/sys/bus/pci');
    bindQueues({ devices: ['eth0'], cores: [1, 3], root });
    expect(affinities(5)).toEqual(['0-7', '1', '1', '3', '3']);
  });

  it('keep their packets on the core of the interrupt', () => {
    write('/sys/class/net/eth0/queues/rx-0/rps_cpus', 'ff\n');
    write('/sys/class/net/eth0/queues/rx-1/rps_cpus', '00\n');
    write('/sys/class/net/eth0/queues/tx-0/xps_cpus', 'ff\n');
    bindQueues({ devices: ['eth0'], cores: [1, 3], root });
    expect(read('/sys/class/net/eth0/queues/rx-0/rps_cpus')).toBe('0');
    expect(read('/sys/class/net/eth0/queues/rx-1/rps_cpus')).toBe('00');
    expect(read('/sys/class/net/eth0/queues/tx-0/xps_cpus')).toBe('ff');
  });

  it('are in the end as they were', () => {
    card(['eth0-TxRx-0', 'eth0-TxRx-1'], '/sys/class/net/eth0/device');
    write('/sys/class/net/eth0/queues/rx-0/rps_cpus', 'ff\n');
    const bound = bindQueues({ devices: ['eth0'], cores: [2, 5], root });
    expect(bound.lines).toEqual(['eth0: 3 of 3 settings of queues changed for cores 2, 5']);
    bound.restore();
    expect(affinities(2)).toEqual(['0-7', '0-7']);
    expect(read('/sys/class/net/eth0/queues/rx-0/rps_cpus')).toBe('ff');
  });

  it('stay as they are where workers run anywhere', () => {
    card(['eth0-TxRx-0', 'eth0-TxRx-1'], '/sys/class/net/eth0/device');
    expect(bindQueues({ devices: ['eth0'], cores: [], root }).lines).toEqual([]);
    expect(affinities(2)).toEqual(['0-7', '0-7']);
  });

  it('that cannot be set are told of in one line, with the kernel’s word', () => {
    card(['eth0-TxRx-0', 'eth0-TxRx-1'], '/sys/class/net/eth0/device');
    rmSync(join(root, '/proc/irq/41/smp_affinity_list'));
    mkdirSync(join(root, '/proc/irq/41/smp_affinity_list'));
    const bound = bindQueues({ devices: ['eth0', 'veth0'], cores: [2, 5], root });
    expect(bound.lines).toEqual([
      'eth0: 1 of 2 settings of queues changed for cores 2, 5; the others cannot be: EISDIR',
      'veth0: no interrupts of receive queues to bind',
    ]);
    bound.restore();
    expect(read('/proc/irq/40/smp_affinity_list')).toBe('0-7');
  });
});
