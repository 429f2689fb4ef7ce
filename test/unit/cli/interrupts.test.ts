import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InterruptsLauncher } from '../../../src/cli/interrupts.ts';
import { type Harness, startHarness } from '../api/harness.ts';
import { torii } from './terminal.ts';

describe('torii interrupts', () => {
  let node: Harness;
  let asked: unknown[];
  const interrupts: InterruptsLauncher = {
    bind: async (request) => {
      asked.push(request);
      return ['eth0: bound'];
    },
    restore: async () => ['put back'],
  };
  const run = (...words: readonly string[]) =>
    torii(['interrupts', ...words, '--api', node.socket], { launchers: { interrupts } });

  beforeEach(async () => {
    node = await startHarness();
    asked = [];
  });
  afterEach(() => node.close());

  it('binds what the daemon says: its devices, and the cores of its workers where each has one', async () => {
    expect(await run('bind')).toMatchObject({ exit: 0, out: 'eth0: bound\n' });
    expect(asked).toEqual([{ devices: ['eth0', 'eth1'], cores: [1] }]);
  });

  it('puts back without asking anybody', async () => {
    expect(await torii(['interrupts', 'restore', '--api', '127.0.0.1:1'], { launchers: { interrupts } })).toMatchObject({
      exit: 0,
      out: 'put back\n',
    });
    expect(asked).toEqual([]);
  });

  it('knows nothing else', async () => {
    expect((await run('scatter')).exit).toBe(64);
  });
});
