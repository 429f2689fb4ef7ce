// The demo as its users run it: its exit status, its JSON and nothing else on standard output, and a lab that stays
// when it is asked to.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, describe, expect, it } from 'vitest';
import { claims } from '../../deploy/lab/claims/all.ts';
import { remains, tearDown } from '../../deploy/lab/lab.ts';
import { builtFile } from '../../deploy/lab/programs.ts';
import { labEngine } from './support/lab.ts';

const isRoot = process.getuid?.() === 0;
const name = 'torii-test-demo';

async function runNode(file: string, ...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [builtFile(file), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

describe.skipIf(!isRoot)('the demo', () => {
  afterAll(async () => {
    await tearDown(name);
    expect(remains(name)).toEqual([]);
  });

  it('with --json --keep prints one object in which every claim is true, and leaves a lab that `down` removes', async () => {
    const { code, out, err } = await runNode('deploy/lab/demo.js', '--json', '--keep', '--name', name, '--engine', labEngine);
    expect(code, err).toBe(0);
    const report = JSON.parse(out) as Readonly<Record<string, unknown>>;
    expect(report).toMatchObject({ ok: true, balancers: 2, backends: 3 });
    for (const { id } of claims) expect(report[id], id).toBe(true);
    expect(err).toContain('Every claim held');

    const status = await runNode('deploy/lab/cli.js', 'status', '--name', name);
    expect(status.out).toContain('via 10.66.0.11, 10.66.0.12');
    expect(status.out.match(/serves/g)?.length).toBe(3);
    expect(await runNode('deploy/lab/cli.js', 'down', '--name', name)).toMatchObject({ code: 0 });
    expect(remains(name)).toEqual([]);
  });

  it('shows its options and builds nothing with --help', async () => {
    const { code, out, err } = await runNode('deploy/lab/demo.js', '--help');
    expect([code, err]).toEqual([0, '']);
    for (const option of ['--json', '--keep', '--name', '--router']) expect(out).toContain(option);
  });

  it('takes the lab down at an interrupt, however often it comes, and calls no claim broken', async () => {
    const child = spawn(process.execPath, [builtFile('deploy/lab/demo.js'), '--name', name, '--engine', labEngine], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const isFirst = !out.includes('claim:');
      out += text;
      if (isFirst && out.includes('claim:')) child.kill('SIGINT');
      if (text.includes('taking the lab down')) for (const each of ['SIGTERM', 'SIGINT'] as const) child.kill(each);
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(130);
    expect(out).toContain('SIGINT: taking the lab down');
    expect(out).toContain('Interrupted after');
    expect(out).not.toContain('BROKEN');
    expect(remains(name)).toEqual([]);
  });

  it.each([
    [['--router', 'cisco'], /--router: expected bird, frr, gobgp, got cisco/],
    [['--balancers', 'many'], /--balancers: expected 1\.\.100, got many/],
    [['--backends', '1'], /backends: expected at least 2/],
    [['--balancers', '1'], /balancers: expected at least 2/],
    [['--frobnicate'], /Unknown option '--frobnicate'/],
  ])('says in one sentence what is wrong with %j', async (args, sentence) => {
    const { code, out, err } = await runNode('deploy/lab/demo.js', '--name', name, ...args);
    expect(code).toBe(64);
    expect(out).toBe('');
    expect(err.trim()).toMatch(sentence);
    expect(err.trim().split('\n').length).toBe(1);
  });
});
