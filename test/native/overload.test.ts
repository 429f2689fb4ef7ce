// A worker without CPU for what comes: who loses packets, and that nobody else does. The decision under ASan and UBSan; then the
// workers' real loop over a device whose time is that of the worker's thread, so that a busy machine changes nothing.

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopState } from '../support/loop-state.ts';
import { buildNative, native } from '../support/native-build.ts';

const cases = 5_000;

interface Line {
  readonly phase?: 'flood' | 'after';
  readonly tenant: number;
  readonly arrived: number;
  readonly lost: number;
  readonly shed: number;
  readonly sent: number;
  readonly wholeFlows: number;
}

describe('a worker that is short of CPU', () => {
  let folder = '';
  let lines: readonly Line[] = [];
  const of = (phase: Line['phase'], tenant: number): Line => {
    const line = lines.find((each) => each.phase === phase && each.tenant === tenant);
    if (line === undefined) throw new Error(`no line about tenant ${tenant} in phase ${phase}`);
    return line;
  };

  beforeAll(async () => {
    buildNative('build/test/overload');
    buildNative('build/test/loop_overload');
    folder = mkdtempSync(join(tmpdir(), 'torii-overload-'));
    writeFileSync(join(folder, 'state'), loopState({ editions: 1, workers: 1 }));
    const { stdout } = await promisify(execFile)(`${native}/build/test/loop_overload`, [join(folder, 'state')]);
    lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['1', '20250601'])('takes from tenants what is above a level, and new connections first (seed %s)', (seed) => {
    const output = execFileSync(`${native}/build/test/overload`, [seed, String(cases)]);
    expect(Number(output.toString())).toBe(cases);
  });

  it('sheds packets of the tenant that floods, and lets through what its share allows', () => {
    const flood = of('flood', 0);
    expect(flood.shed).toBeGreaterThan(flood.arrived / 4);
    expect(flood.sent).toBeGreaterThan(0);
  });

  it('keeps the others from the loss that a full ring would share out among all', () => {
    const lossOf = ({ arrived, lost, shed }: Line): number => (lost + shed) / arrived;
    for (const tenant of [1, 2]) expect(lossOf(of('flood', tenant))).toBeLessThan(lossOf(of('flood', 0)) / 3);
  });

  it('sheds whole flows, so that the others of the tenant are whole', () => {
    // Packets shed at random would leave none of them so.
    expect(lines.find(({ phase }) => phase === undefined)?.wholeFlows).toBeGreaterThan(0);
  });

  it('sheds nothing any more once the flood is over', () => {
    for (const tenant of [0, 1, 2]) {
      const { arrived, lost, shed, sent } = of('after', tenant);
      expect({ lost, shed }).toEqual({ lost: 0, shed: 0 });
      expect(sent).toBeGreaterThan(arrived * 0.95);
    }
  });
});
