import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Harness, startHarness } from '../api/harness.ts';
import { type Outcome, torii } from './terminal.ts';

let node: Harness;

beforeEach(async () => {
  node = await startHarness();
});

afterEach(() => node.close());

const run = (...args: readonly string[]): Promise<Outcome> => torii([...args, '--api', node.socket]);

const backend = 'acme-web/10.0.2.21';
const vip = '203.0.113.10:80/tcp';

describe('a verb that changes', () => {
  it.each([
    [['drain', backend], { kind: 'state', target: backend, value: 'draining' }],
    [['undrain', backend], { kind: 'state', target: backend, value: null }],
    [['disable', backend], { kind: 'state', target: backend, value: 'disabled' }],
    [['enable', backend], { kind: 'state', target: backend, value: null }],
    [['weight', backend, '0'], { kind: 'weight', target: backend, value: 0 }],
    [['weight', backend, 'document'], { kind: 'weight', target: backend, value: null }],
    [['hold', vip], { kind: 'hold', target: vip, value: true }],
    [['release', vip], { kind: 'hold', target: vip, value: false }],
    [['maintenance', 'on'], { kind: 'maintenance', value: true }],
    [['maintenance', 'off'], { kind: 'maintenance', value: false }],
  ])('%j asks the node for one change', async (args, change) => {
    const { exit, err } = await run(...args);
    expect([exit, err]).toEqual([0, '']);
    expect(node.node.changes).toEqual([{ change, context: { by: 'eve@bastion', why: null, forSec: null, ifRevision: null } }]);
  });

  it('carries its reason, its end and the revision it was decided on', async () => {
    const { exit, out } = await run('drain', backend, '--for', '1h30m', '--why', 'kernel upgrade', '--if-revision', '7');
    expect([exit, out]).toEqual([0, `${backend} draining (revision 8)\n`]);
    expect(node.node.changes[0]?.context).toEqual({ by: 'eve@bastion', why: 'kernel upgrade', forSec: 5400, ifRevision: 7 });
  });

  it('is refused on an older revision, with its own exit code', async () => {
    const { exit, err } = await run('drain', backend, '--if-revision', '6');
    expect(exit).toBe(3);
    expect(err).toContain('next: look again');
  });

  it('ends with not_found for a backend that nobody knows', async () => {
    expect((await run('drain', 'acme-web/10.9.9.9')).exit).toBe(4);
  });

  it.each([
    [['weight', backend, 'heavy']],
    [['weight', backend, '65536']],
    [['weight', backend, '1e3']],
    [['drain']],
    [['drain', backend, '--for', 'ever']],
    [['drain', backend, '--if-revision', 'latest']],
    [['hold', '203.0.113.10']],
    [['maintenance', 'maybe']],
    [['drain', 'web-1']],
  ])('%j ends with 64 and changes nothing', async (args) => {
    const { exit, err } = await run(...args);
    expect(exit).toBe(64);
    expect(err).not.toBe('');
    expect(node.node.changes).toEqual([]);
  });
});

describe('torii reload', () => {
  it('says what changed', async () => {
    expect((await run('reload')).out).toBe('revision 8 applied\n  pool acme-web: backend 10.0.2.23 added\n');
  });

  it('forces only when asked', async () => {
    await run('reload');
    await run('reload', '--force');
    expect(node.node.reloads).toEqual([false, true]);
  });
});

describe('torii explain', () => {
  it.each([
    [['tcp', '198.51.100.7:40000', '203.0.113.10:80']],
    [['198.51.100.7:40000 > 203.0.113.10:80/tcp']],
    [['198.51.100.7:40000', '>', '203.0.113.10:80/tcp']],
  ])('takes %j', async (words) => {
    const { exit, out } = await run('explain', ...words);
    expect([exit, out]).toEqual([0, 'tcp 198.51.100.7:40000 203.0.113.10:80\n  VIP  203.0.113.10:80/tcp\nforward 10.0.2.21\n']);
  });

  it('refuses what is no flow before asking anybody', async () => {
    expect((await torii(['explain', 'web', '--api', '/nowhere'])).exit).toBe(64);
  });
});
