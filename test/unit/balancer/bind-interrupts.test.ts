import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bindInterrupts, restoreInterrupts } from '../../../src/balancer/bind-interrupts.ts';

describe('the helper that binds interrupts', () => {
  let root: string;
  const places = () => ({ root, note: join(root, 'note.json') });
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const affinities = () => [40, 41].map((irq) => readFileSync(join(root, `/proc/irq/${irq}/smp_affinity_list`), 'utf8'));

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'torii-irq-'));
    for (const [queue, irq] of [40, 41].entries()) {
      write(`/sys/class/net/eth0/device/msi_irqs/${irq}`, 'msix');
      write(`/proc/irq/${irq}/smp_affinity_list`, '0-7');
      mkdirSync(join(root, `/proc/irq/${irq}/eth0-TxRx-${queue}`));
    }
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('has them go to the cores of the workers, and puts back what was there before the first time', () => {
    expect(bindInterrupts({ devices: ['eth0'], cores: [2, 5] }, places())).toEqual([
      'eth0: 2 of 2 settings of queues changed for cores 2, 5',
    ]);
    expect(affinities()).toEqual(['2', '5']);
    expect(statSync(places().note).mode & 0o777).toBe(0o600);
    bindInterrupts({ devices: ['eth0'], cores: [3, 6] }, places());
    expect(affinities()).toEqual(['3', '6']);
    expect(restoreInterrupts(places())).toEqual(['2 settings of queues put back']);
    expect(affinities()).toEqual(['0-7', '0-7']);
    expect(existsSync(places().note)).toBe(false);
    expect(restoreInterrupts(places())).toEqual(['0 settings of queues put back']);
  });

  it('leaves them where workers run on any core', () => {
    expect(bindInterrupts({ devices: ['eth0'], cores: [] }, places())[0]).toContain('stay where they are');
    expect(affinities()).toEqual(['0-7', '0-7']);
  });

  it.each([
    [['../../../etc'], [1]],
    [['..'], [1]],
    [['eth0'], [-1]],
    [['eth0'], [1.5]],
    [['eth0'], [1e9]],
  ])('refuses devices %j with cores %j, whoever says so', (devices, cores) => {
    expect(() => bindInterrupts({ devices, cores }, places())).toThrow('expected the');
    expect(affinities()).toEqual(['0-7', '0-7']);
  });

  it('puts nothing into a file that is none of its own, whatever its note says', () => {
    write('/etc/passwd', 'root');
    writeFileSync(places().note, JSON.stringify({ '/etc/passwd': '0' }));
    expect(() => restoreInterrupts(places())).toThrow();
    expect(readFileSync(join(root, '/etc/passwd'), 'utf8')).toBe('root');
  });
});
