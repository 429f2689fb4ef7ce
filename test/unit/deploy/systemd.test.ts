import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const unit = (name: string) => fileURLToPath(new URL(`../../../deploy/systemd/${name}`, import.meta.url));
const hasAnalyze = spawnSync('systemd-analyze', ['security', '--help']).status === 0;

describe.skipIf(!hasAnalyze).each(['torii.service', 'torii-host.service'])('%s', (name) => {
  it('is exposed by at most 2.5', () => {
    const { status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--no-pager', '--threshold=25', unit(name)],
      { encoding: 'utf8' },
    );
    expect(status, stdout.split('\n').at(-2) ?? stderr).toBe(0);
  });
});

describe('torii.service', () => {
  it('lets the packet workers have the niceness they ask for', () => {
    const runner = fileURLToPath(new URL('../../../native/dataplane/runner.c', import.meta.url));
    const wanted = /^#define NICE (-\d+)/m.exec(readFileSync(runner, 'utf8'))?.[1];
    expect(wanted, 'the niceness in runner.c').toBeDefined();
    expect(/^LimitNICE=(.*)$/m.exec(readFileSync(unit('torii.service'), 'utf8'))?.[1]).toBe(wanted);
  });

  it('does nothing with root’s rights but bind interrupts and put them back, and starts where that fails, too', () => {
    const text = readFileSync(unit('torii.service'), 'utf8');
    expect(text.match(/^Exec\w+=[-:@|]*\+.*$/gm)).toEqual([
      'ExecStartPost=-+/usr/bin/torii interrupts bind',
      'ExecStopPost=-+/usr/bin/torii interrupts restore',
    ]);
  });

  it('lets the thread of BFD have real-time priority', () => {
    const text = readFileSync(unit('torii.service'), 'utf8');
    expect(text).toMatch(/^LimitRTPRIO=1$/m);
    expect(text).not.toMatch(/^RestrictRealtime=yes$/m);
  });
});
