import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { labOptions, replacedText } from '../../../deploy/lab/arguments.ts';
import { Ledger } from '../../../deploy/lab/ledger.ts';
import { defaultOptions, labDirectory } from '../../../deploy/lab/topology.ts';

describe('the arguments of a lab', () => {
  it('keep their default where they are absent', () => {
    expect(labOptions({ balancers: '3' })).toEqual({ ...defaultOptions, balancers: 3 });
  });

  it.each(['x', '', '-1', '1.5', '1e1'])('show a number of balancers that is none as it was written: %j', (text) => {
    expect(() => labOptions({ balancers: text })).toThrow(`--balancers: expected 1..100, got ${text}`);
  });
});

describe('a lab of the same name', () => {
  const name = `torii-test-${process.pid}`;
  const ledger = new Ledger(labDirectory(name));

  beforeEach(() => {
    ledger.create();
    ledger.add({ kind: 'owner', pid: process.pid, startTime: '1' });
    ledger.add({ kind: 'plan', options: defaultOptions });
  });

  afterEach(() => ledger.remove());

  it('is named before it is taken down where it was left standing on purpose', () => {
    ledger.add({ kind: 'disowned' });
    expect(replacedText(name)).toContain(`The lab ${name}`);
  });

  it('is not worth a word where its run crashed, or where there is none', () => {
    expect(replacedText(name)).toBeNull();
    ledger.remove();
    expect(replacedText(name)).toBeNull();
  });
});
