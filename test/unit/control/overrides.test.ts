import { describe, expect, it } from 'vitest';
import {
  nextExpiryMs,
  noOverrides,
  type Overrides,
  overrideViews,
  readSaved,
  savedText,
  type Targets,
  withChange,
  withoutExpired,
} from '../../../src/control/overrides.ts';
import type { ToriiError } from '../../../src/errors.ts';
import type { Change } from '../../../src/model/views.ts';

const targets: Targets = {
  hasVip: (name) => name === '203.0.113.10:80/tcp',
  hasBackend: (pool, address) => ['web/10.0.2.21', 'web/10.0.2.22', 'api/10.0.2.22'].includes(`${pool}/${address}`),
  poolsOf: (address) => (address === '10.0.2.21' ? ['web'] : address === '10.0.2.22' ? ['api', 'web'] : []),
};
const context = { by: 'alice', why: 'rack move', forSec: null, ifRevision: null };
const say = (change: Change, from: Overrides = noOverrides, forSec: number | null = null): Overrides =>
  withChange(from, targets, { change, context: { ...context, forSec }, nowMs: 1_000 });
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as ToriiError).code;
  }
  return 'no error';
};

describe("an operator's word", () => {
  it('says who, when, why and until', () => {
    const overrides = say({ kind: 'state', target: '10.0.2.21', value: 'draining' }, noOverrides, 60);
    expect(overrideViews(overrides)).toEqual([
      {
        kind: 'state',
        target: 'web/10.0.2.21',
        value: 'draining',
        by: 'alice',
        at: '1970-01-01T00:00:01.000Z',
        until: '1970-01-01T00:01:01.000Z',
        why: 'rack move',
      },
    ]);
  });

  it('is replaced by a later one and taken back by none', () => {
    const drained = say({ kind: 'state', target: 'web/10.0.2.21', value: 'draining' });
    const disabled = say({ kind: 'state', target: '10.0.2.21', value: 'disabled' }, drained);
    expect(overrideViews(disabled).map(({ value }) => value)).toEqual(['disabled']);
    expect(say({ kind: 'state', target: '10.0.2.21', value: null }, disabled).size).toBe(0);
    const held = say({ kind: 'hold', target: '203.0.113.10:80/tcp', value: true });
    expect(say({ kind: 'hold', target: '203.0.113.10:80/tcp', value: false }, held).size).toBe(0);
  });

  it('can be taken back when its target has left the document', () => {
    const overrides = say({ kind: 'weight', target: 'web/10.0.2.21', value: 5 });
    const nothing: Targets = { hasVip: () => false, hasBackend: () => false, poolsOf: () => [] };
    const change: Change = { kind: 'weight', target: 'web/10.0.2.21', value: null };
    expect(withChange(overrides, nothing, { change, context, nowMs: 0 }).size).toBe(0);
  });

  it('names an existing target, and only one', () => {
    expect(codeOf(() => say({ kind: 'state', target: '10.0.2.99', value: 'active' }))).toBe('not_found');
    expect(codeOf(() => say({ kind: 'state', target: 'db/10.0.2.21', value: 'active' }))).toBe('not_found');
    expect(codeOf(() => say({ kind: 'hold', target: '203.0.113.11:80/tcp', value: true }))).toBe('not_found');
    expect(codeOf(() => say({ kind: 'hold', target: 'everything', value: true }))).toBe('bad_request');
    expect(() => say({ kind: 'state', target: '10.0.2.22', value: 'active' })).toThrow(
      '10.0.2.22 is in several pools: expected api/10.0.2.22 or web/10.0.2.22',
    );
  });

  it('ends by itself at its time, not before', () => {
    const overrides = say(
      { kind: 'maintenance', value: true },
      say({ kind: 'weight', target: '10.0.2.21', value: 5 }, noOverrides, 10),
      5,
    );
    expect(nextExpiryMs(overrides)).toBe(6_000);
    expect(withoutExpired(overrides, 5_999)).toBe(overrides);
    expect(overrideViews(withoutExpired(overrides, 6_000)).map(({ kind }) => kind)).toEqual(['weight']);
    expect(nextExpiryMs(noOverrides)).toBeNull();
  });

  it('survives being written to disk', () => {
    const overrides = say({ kind: 'maintenance', value: true }, say({ kind: 'weight', target: '10.0.2.21', value: 5 }));
    expect(readSaved(savedText({ revision: 7, overrides }))).toEqual({ revision: 7, overrides });
    expect(readSaved('{"version":1')).toBeUndefined();
    expect(readSaved('{"version":2,"revision":1,"overrides":[]}')).toBeUndefined();
  });
});
