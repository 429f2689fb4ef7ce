import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ToriiError } from '../../../src/errors.ts';
import { type Harness, startHarness } from '../api/harness.ts';
import { views } from '../api/memory-node.ts';
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
    const { exit, err } = await run('drain', 'acme-wob/10.0.2.21');
    expect(exit).toBe(4);
    expect(err).toContain('did you mean acme-web/10.0.2.21');
  });

  it.each([
    [['weight', backend, 'heavy']],
    [['weight', backend, '65536']],
    [['weight', backend, '1e3']],
    [['drain']],
    [['drain', backend, '--for', 'ever']],
    [['drain', backend, '--for', '367d']],
    [['drain', backend, '--why', '']],
    [['drain', backend, '--why', 'x'.repeat(501)]],
    [['drain', backend, '--if-revision', 'latest']],
    [['hold', '203.0.113.10:80']],
    [['maintenance', 'maybe']],
    [['drain', 'web-1']],
  ])('%j ends with 64 and changes nothing', async (args) => {
    const { exit, err } = await run(...args);
    expect(exit).toBe(64);
    expect(err).not.toBe('');
    expect(node.node.changes).toEqual([]);
  });
});

describe('undrain and enable', () => {
  const say = (value: string, target = backend): void => {
    const word = { kind: 'state', target, value, by: 'alice', at: '2025-01-01T00:00:00.000Z', until: null, why: 'disk' } as const;
    node.node.views = { ...views, status: { ...views.status, overrides: [word] } };
  };

  it.each([
    ['undrain', 'disabled', 'enable'],
    ['enable', 'draining', 'undrain'],
  ])('%s takes back no other word: it names who said %s and the right verb', async (verb, value, right) => {
    say(value);
    for (const target of [backend, '10.0.2.21']) {
      const { exit, err } = await run(verb, target);
      expect(exit).toBe(64);
      expect(err).toContain(`${backend} is ${value}, said by alice (disk)`);
      expect(err).toContain(`next: torii ${right} ${backend}`);
    }
    expect(node.node.changes).toEqual([]);
    expect((await run(right, backend)).exit).toBe(0);
  });

  it('do not mind what was said of others, nor a word that has no verb', async () => {
    say('disabled', 'acme-web/10.0.2.22');
    expect((await run('undrain', backend)).exit).toBe(0);
    say('active');
    expect((await run('undrain', backend)).exit).toBe(0);
  });
});

describe('torii reload', () => {
  it('prints each problem on a line of its own, and what to do with a daemon that runs', async () => {
    node.node.failure = new ToriiError('config_invalid', 'a.yaml:1:1: expected a, got b\na.yaml:2:1: expected c, got d', {
      detail: { problems: [] },
    });
    const { exit, err } = await run('reload');
    expect(exit).toBe(2);
    expect(err.split('\n').map((line) => line.trim())).toEqual([
      'torii: a.yaml:1:1: expected a, got b',
      'a.yaml:2:1: expected c, got d',
      'next: mend the document (torii check FILE tests it), then torii reload; the last good one stays in force',
      '',
    ]);
  });

  it.each([
    ['no_privilege', 'no', 'the daemon lacks the permission'],
    ['restart_needed', 'node.devices: expected x, got y; restart torii to change it (a.yaml:3)', 'systemctl restart torii'],
    ['secret_unreadable', 'cluster.secret: expected a readable secret in /etc/key: ENOENT', 'torii secret'],
    ['config_unreadable', 'expected a readable document at /etc/torii.yaml', 'readable for the daemon'],
    ['capacity', 'expected at most 256 sets', 'last good one stays in force'],
  ] as const)('says what to do about %s: %s', async (code, message, next) => {
    node.node.failure = new ToriiError(code, message);
    expect((await run('reload')).err).toMatch(new RegExp(`next: .*${next}`));
  });

  it('says what changed', async () => {
    expect((await run('reload')).out).toBe('revision 8 applied\n  pool acme-web: backend 10.0.2.23 added\n');
  });

  it('forces only when asked', async () => {
    await run('reload');
    await run('reload', '--force');
    expect(node.node.reloads).toEqual([false, true]);
  });
});

describe('torii flows', () => {
  const flow = {
    flow: 'tcp 198.51.100.7:40000 203.0.113.10:80',
    vip: '203.0.113.10:80/tcp',
    tenant: 'acme',
    backend: '10.0.2.21',
    state: 'established',
    ageSec: 3700,
    idleSec: 2,
    packets: 12_345,
    bytes: 1_000_000,
    worker: 0,
  } as const;

  it('asks page by page until it has enough', async () => {
    node.node.flowPages = {
      0: { flows: [flow], next: 100 },
      100: { flows: [], next: 200 },
      200: { flows: [{ ...flow, backend: null }], next: 300 },
    };
    const { exit, out } = await run('flows', '--source', '198.51.100.7', '--limit', '2');
    expect(exit).toBe(0);
    expect(out).toMatch(/^FLOW +TENANT +BACKEND +STATE +AGE +IDLE +PACKETS +BYTES\n/);
    expect(out).toMatch(
      /tcp 198\.51\.100\.7:40000 203\.0\.113\.10:80 +acme +10\.0\.2\.21 +established +3,700 s +2 s +12,345 +1\.00 MB\n/,
    );
    expect(out).toMatch(/ gone /);
    expect(node.node.asked.map(({ from, limit, source }) => [from, limit, source])).toEqual([
      [0, 3, '198.51.100.7'],
      [100, 2, '198.51.100.7'],
      [200, 2, '198.51.100.7'],
      [300, 1, '198.51.100.7'],
    ]);
    expect(out).not.toContain('more');
  });

  it('says that there are more than were asked for', async () => {
    node.node.flowPages = { 0: { flows: [flow, flow], next: 100 }, 100: { flows: [flow], next: null } };
    const { out } = await run('flows', '--limit', '2');
    expect(out.match(/^tcp /gm)).toHaveLength(2);
    expect(out.endsWith('\n… and more: --limit shows up to 100,000\n')).toBe(true);
    expect(JSON.parse((await run('flows', '--limit', '2', '--json')).out)).toEqual([flow, flow]);
  });

  it.each([
    ['no VIP 203.0.113.10 that this node forwards', ['--vip', '203.0.113.10'], '203.0.113.10:80/tcp'],
    ['no backend 10.0.2.12', ['--backend', '10.0.2.12'], '10.0.2.21'],
  ])('and torii capture suggest what was meant where there is %s', async (message, filter, near) => {
    node.node.refusal = new ToriiError('not_found', message);
    for (const verb of [['flows'], ['capture', '/dev/null']]) {
      const { exit, err } = await run(...verb, ...filter);
      expect(exit).toBe(4);
      expect(err).toContain(`${message}; did you mean ${near}`);
    }
  });

  it('gives programs all pages in one', async () => {
    node.node.flowPages = { 0: { flows: [flow], next: 1 }, 1: { flows: [flow], next: null } };
    expect(JSON.parse((await run('flows', '--json')).out)).toEqual([flow, flow]);
  });

  it('says so where there are none, and refuses what is no address', async () => {
    node.node.flowPages = {};
    expect((await run('flows')).out).toBe('no flows\n');
    expect((await torii(['flows', '--backend', 'web', '--api', '/nowhere'])).exit).toBe(64);
    expect((await torii(['flows', '--limit', '0', '--api', '/nowhere'])).exit).toBe(64);
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
