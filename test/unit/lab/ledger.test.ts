import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../deploy/lab/ledger.ts';
import { identify, isAlive } from '../../../deploy/lab/processes.ts';

describe('a lab’s ledger', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'torii-ledger-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('gives another process what was written', () => {
    new Ledger(directory).add({ kind: 'process', id: 'lb1', pid: 7, startTime: '9' });
    expect(new Ledger(directory).processes()).toEqual([{ kind: 'process', id: 'lb1', pid: 7, startTime: '9' }]);
  });

  it('ignores a line that a crash cut off', () => {
    const ledger = new Ledger(directory);
    ledger.add({ kind: 'directory', path: '/somewhere' });
    appendFileSync(join(directory, 'ledger.jsonl'), '{"kind":"process","id":"lb');
    expect(ledger.records()).toEqual([{ kind: 'directory', path: '/somewhere' }]);
  });

  it('has no owner once it is left to stay', () => {
    const ledger = new Ledger(directory);
    ledger.add({ kind: 'owner', pid: 1, startTime: '2' });
    expect(ledger.owner()).toMatchObject({ pid: 1 });
    ledger.add({ kind: 'disowned' });
    expect(ledger.owner()).toBeUndefined();
  });

  it('is empty where no lab is', () => {
    expect(new Ledger(join(directory, 'absent')).records()).toEqual([]);
  });
});

describe('a process of a ledger', () => {
  it('is alive only with the start time that was written down', () => {
    const self = identify(process.pid);
    expect(self).toBeDefined();
    if (self === undefined) return;
    expect(isAlive(self)).toBe(true);
    expect(isAlive({ ...self, startTime: '1' })).toBe(false);
  });
});
