import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReadView } from '../../../src/model/views.ts';
import { type Harness, startHarness } from '../api/harness.ts';
import { peerMessages, views } from '../api/memory-node.ts';
import { torii } from './terminal.ts';

let node: Harness;
let other: Harness;

beforeEach(async () => {
  [node, other] = await Promise.all([startHarness(), startHarness()]);
});

afterEach(() => Promise.all([node.close(), other.close()]));

const at = (harness: Harness, ...args: readonly string[]): readonly string[] => [...args, '--api', harness.socket];

describe('torii vips', () => {
  it('shows each VIP with the reason for which it is withheld', async () => {
    const { exit, out } = await torii(at(node, 'vips'));
    expect(exit).toBe(0);
    expect(out).toMatch(/^VIP +TENANT +POOL +STATE +USABLE +PACKETS +IN +NEW FLOWS +REASON\n/);
    expect(out).toMatch(
      /\[2001:db8::10\]:443\/tcp .* withheld .* 0\/2 .* no backend of pool acme-web is up; dropped: no_backend 3\n/,
    );
  });

  it('gives programs the JSON of the API', async () => {
    expect(JSON.parse((await torii(at(node, 'vips', '--json'))).out)).toEqual(views.vips);
  });

  it('narrows to the VIPs of an address, whichever way it is written', async () => {
    expect((await torii(at(node, 'vips', '203.0.113.10'))).out).toContain('203.0.113.10:80/tcp');
    const sixth = (await torii(at(node, 'vips', '2001:DB8:0::10'))).out;
    expect(sixth).toContain('[2001:db8::10]:443/tcp');
    expect(sixth).not.toContain('203.0.113.10');
  });

  it.each([
    [['vips', '203.0.113.11:80/tcp'], '203.0.113.10:80/tcp'],
    [['vips', 'acmee'], 'acme'],
    [['tenants', 'acem'], 'acme'],
    [['backends', 'acme-wb'], 'acme-web'],
    [['tenants', 'acne'], 'acme'],
    [['peers', '10.0.1.2'], '10.0.1.1'],
  ])('suggests for %j a name that is near, and where all are', async (args, near) => {
    const { exit, err } = await torii(at(node, ...args));
    expect(exit).toBe(4);
    expect(err).toContain(`did you mean ${near}`);
    expect(err).toMatch(/next: .*torii vips/);
  });

  it('narrows to one VIP, and says not_found for another', async () => {
    const { out } = await torii(at(node, 'vips', '203.0.113.10:80/tcp', '--json'));
    expect(JSON.parse(out)).toEqual([views.vips[0]]);
    expect(await torii(at(node, 'vips', '203.0.113.99:80/tcp'))).toMatchObject({ exit: 4, out: '' });
  });
});

describe('on a terminal of 80 columns', () => {
  it.each(['vips', 'backends', 'tenants', 'peers', 'engine'])('torii %s has every title on one line', async (verb) => {
    const { out } = await torii(at(node, verb), { widthColumns: 80 });
    const titles = out.split('\n').filter((line) => /^[A-Z]+ {2,}/.test(line));
    expect(titles.length).toBeGreaterThan(0);
    expect(titles.filter((line) => line.length > 80)).toEqual([]);
  });
});

describe('torii backends', () => {
  it('shows why a backend takes no new flows', async () => {
    const { out } = await torii(at(node, 'backends', 'acme-web'));
    expect(out).toMatch(/10\.0\.2\.22 .* down .* no .* 12 +unresolved .*health check: connection refused\n/);
  });
});

describe('torii vips of an aggregate', () => {
  it('shows what is announced for a VIP, a blackhole and one that drains', async () => {
    const [vip] = views.vips;
    if (vip === undefined) throw new Error('no VIP to start from');
    const row = (n: number, more: Partial<typeof vip>) => ({ ...vip, vip: `203.0.113.${n}:80/tcp`, drops: {}, ...more });
    node.node.views = {
      ...views,
      vips: [
        row(1, { state: 'announced', reason: 'announced as 203.0.113.0/28' }),
        row(2, { state: 'blackhole', reason: 'announced as a blackhole: routers discard its packets', drops: { denied: 7 } }),
        row(3, { state: 'draining', reason: 'held by alice (203.0.113.3:80/tcp)' }),
      ],
    };
    const { out } = await torii(at(node, 'vips'));
    expect(out).toMatch(/203\.0\.113\.1:80\/tcp .* announced .* announced as 203\.0\.113\.0\/28\n/);
    expect(out).toMatch(/203\.0\.113\.2:80\/tcp .* blackhole .* routers discard its packets; dropped: denied 7\n/);
    expect(out).toMatch(/203\.0\.113\.3:80\/tcp .* draining .* held by alice \(203\.0\.113\.3:80\/tcp\)\n/);
  });
});

describe('torii tenants', () => {
  it('shows plan, admitted and limited', async () => {
    const { out } = await torii(at(node, 'tenants'));
    expect(out).toMatch(/acme +standard +1,000 +2,000 +2 +5 +1 +new flows above 1,000 a second were dropped/);
  });
});

describe('torii peers', () => {
  it('prints as JSON exactly the keys that are settled', async () => {
    const [peer, ...rest] = JSON.parse((await torii(at(node, 'peers', '--json'))).out) as readonly Record<string, unknown>[];
    expect(rest).toEqual([]);
    expect(Object.keys(peer ?? {})).toEqual([
      'address',
      'as',
      'state',
      'uptimeSec',
      'holdTimeSec',
      'families',
      'announced',
      'flaps',
      'lastError',
      'bfd',
    ]);
  });

  it('tells the last error in words and its age', async () => {
    const { out } = await torii(at(node, 'peers', '10.0.1.1'));
    expect(out).toMatch(/10\.0\.1\.1 +65000 +established +1 min 1 s .* up .*received 6\/2 administrative shutdown \(1 h ago\)/);
  });
});

describe('torii peers ADDRESS --messages', () => {
  it('shows the last messages of one peer, and the bytes of malformed ones', async () => {
    const { out } = await torii(at(node, 'peers', '10.0.1.1', '--messages'));
    expect(out).toMatch(/2025-01-01T00:00:00\.000Z +sent +19 +keepalive\n/);
    expect(out).toMatch(/received +21 +malformed +BGP version: expected 4, got 3 \(ff03\)/);
    expect(JSON.parse((await torii(at(node, 'peers', '10.0.1.1', '--messages', '--json'))).out)).toEqual(peerMessages);
  });

  it('needs one peer, and knows it', async () => {
    expect((await torii(at(node, 'peers', '--messages'))).err).toContain('--messages: expected the address of one peer');
    expect((await torii(at(node, 'peers', '10.9.9.9', '--messages'))).err).toContain('no peer 10.9.9.9');
  });
});

describe('torii peers of a document that accepts default routes', () => {
  const route = { prefix: '::/0', nextHop: 'fe80::1', asPath: '65000', communities: [], at: '2025-01-01T00:00:00.000Z' };

  it('shows them, and a link-local peer by any form of its address', async () => {
    const [first] = views.peers;
    if (first === undefined) throw new Error('no peer to start from');
    const peers = [first, { ...first, address: 'fe80::1%eth0', defaultRoutes: [route] }];
    node.node.views = { ...views, peers };
    const { out } = await torii(at(node, 'peers'));
    expect(out).toMatch(/DEFAULT/);
    expect(out).toMatch(/fe80::1%eth0 .* ::\/0 via fe80::1 /);
    const shown = JSON.parse((await torii(at(node, 'peers', 'FE80::0:1%eth0', '--json'))).out) as readonly object[];
    expect(shown).toMatchObject([{ address: 'fe80::1%eth0', defaultRoutes: [route] }]);
  });
});

describe('torii engine', () => {
  it('shows what carries each device, in which mode, and why in no better one', async () => {
    const { out } = await torii(at(node, 'engine'));
    expect(out).toMatch(/^DEVICE +STATE +ASKED +ENGINE +MODE +QUEUES +BUSY POLLING +HUGE PAGES\n/);
    expect(out).toMatch(/eth0 +up +auto +af_xdp +XDP native, zero-copy +2 +1 of 2 +yes\n/);
    expect(out).toMatch(/eth1 +down +auto +af_packet +ring +1 +no +no\n/);
    expect(out).toContain('Why not better:\n  eth1: its driver takes no XDP program\n');
  });

  it('shows the level of every ring, what queues lost, and each worker’s core and pace', async () => {
    const { out } = await torii(at(node, 'engine'));
    expect(out).toMatch(/eth0 +0 +0 +3 of 2,048 +4,000 of 4,096 +0 of 2,048 +0 of 2,048 +nothing lost\n/);
    expect(out).toMatch(/eth0 +1 +0 .* 12 found the fill ring empty\n/);
    expect(out).toMatch(/eth1 +0 +0 +1 of 128 +nothing lost\n/);
    expect(out).toMatch(/ +0 +1 +12\.5 % +2\.5 +10 +0 +2 +9\n/);
  });

  it('narrows to one device, and knows them', async () => {
    const { devices } = JSON.parse((await torii(at(node, 'engine', 'eth1', '--json'))).out) as ReadView['engine'];
    expect(devices.map(({ device }) => device)).toEqual(['eth1']);
    expect((await torii(at(node, 'engine', 'eth2'))).err).toContain('no device eth2; did you mean eth0 or eth1?');
  });

  it('says so where nothing is forwarded', async () => {
    node.node.views = { ...views, engine: { engine: 'none', devices: [], workers: [] } };
    expect((await torii(at(node, 'engine'))).out).toBe('no device: this node forwards nothing\n');
  });
});

describe('torii status', () => {
  it('tells what is wrong from what somebody has taken out of use', async () => {
    const [first] = views.backends;
    if (first === undefined) throw new Error('no backend to start from');
    const spared = { ...first, takesNewFlows: false };
    node.node.views = {
      ...views,
      backends: [
        { ...spared, address: '10.0.2.31', weight: 0, reason: 'weight 0' },
        { ...spared, address: '10.0.2.32', state: 'draining', reason: 'draining by alice' },
        { ...spared, address: '10.0.2.33', health: 'down', reason: 'down (timed out)' },
      ],
    };
    const [vip] = views.vips;
    if (vip === undefined) throw new Error('no VIP to start from');
    const hole = { ...vip, vip: '203.0.113.66:80/tcp', state: 'blackhole' as const, reason: 'announced as a blackhole' };
    const held = {
      ...vip,
      vip: '203.0.113.67:80/tcp',
      state: 'withheld' as const,
      reason: 'held by alice (203.0.113.67:80/tcp)',
    };
    const kept = { ...held, vip: '203.0.113.68:80/tcp', reason: 'maintenance by alice: rack move' };
    node.node.views = { ...node.node.views, vips: [vip, hole, held, kept] };
    const { out } = await torii(at(node, 'status'));
    const [wrong = '', onPurpose = ''] = out.split('Out of use on purpose:');
    expect(onPurpose).toMatch(
      /^\n {2}vip 203\.0\.113\.66:80\/tcp blackhole: announced as a blackhole\n {2}vip 203\.0\.113\.67:80\/tcp withheld: held by alice \(203\.0\.113\.67:80\/tcp\)\n {2}vip 203\.0\.113\.68:80\/tcp withheld: maintenance by alice: rack move\n {2}backend acme-web\/10\.0\.2\.31: weight 0\n {2}backend acme-web\/10\.0\.2\.32: draining by alice\n/,
    );
    expect(wrong).toContain('backend acme-web/10.0.2.33: down (timed out)');
    expect(wrong).not.toMatch(/10\.0\.2\.3[12]|203\.0\.113\.6[678]/);
  });

  it('puts what is wrong on the first screen, each with its reason', async () => {
    const { out } = await torii(at(node, 'status'));
    expect(out).toMatch(/^READY {2}10\.0\.1\.11, torii 0\.1\.0, engine af_packet/);
    expect(out).toContain('vip [2001:db8::10]:443/tcp withheld: no backend of pool acme-web is up');
    expect(out).toContain('backend acme-web/10.0.2.22: health check: connection refused');
  });

  it('names the backend whose packets come back as errors, and the tenant above its plan', async () => {
    const [backend] = views.backends;
    const [vip] = views.vips;
    if (backend === undefined || vip === undefined) throw new Error('nothing to start from');
    node.node.views = {
      ...views,
      backends: [{ ...backend, takesNewFlows: true, reason: null, unreachable: 12 }],
      vips: [
        { ...vip, drops: { cps_limited: 1000 } },
        { ...vip, vip: '203.0.113.11:80/tcp', drops: { cps_limited: 234, no_backend: 5 } },
      ],
    };
    const { out } = await torii(at(node, 'status'));
    expect(out).toContain(
      `Since it started:\n  backend acme-web/${backend.address}: 12 ICMP errors came about its packets: does torii host run there?\n  tenant acme: 1,234 new flows above its plan were dropped (cps_limited)\n`,
    );
    expect((await torii(at(node, 'backends'))).out).toContain('does torii host run there?');
  });

  it('says of a peer that it has no session, and why', async () => {
    const [peer] = views.peers;
    if (peer === undefined) throw new Error('no peer to start from');
    node.node.views = { ...views, peers: [{ ...peer, state: 'active', lastError: null }] };
    expect((await torii(at(node, 'status'))).out).toContain(`peer ${peer.address} has no session (active): no answer yet\n`);
  });

  it('says of each worker how busy it is, in what bursts, and on which core', async () => {
    expect((await torii(at(node, 'status'))).out).toContain('\nworker 0  busy 12.5 % in bursts of 2.5 on core 1\n');
  });

  it('lists what operators said, with who, when and why', async () => {
    const override = {
      kind: 'state' as const,
      target: 'acme-web/10.0.2.21',
      value: 'draining',
      by: 'eve@bastion',
      at: '2025-01-01T00:30:00.000Z',
      until: '2025-01-01T01:30:00.000Z',
      why: 'kernel upgrade',
    };
    node.node.views = { ...views, status: { ...views.status, overrides: [override] } };
    const { out } = await torii(at(node, 'status'));
    expect(out).toContain('state acme-web/10.0.2.21 = draining, by eve@bastion 30 min ago, ends in 30 min: kernel upgrade');
  });

  it('says why the last reload was refused', async () => {
    const lastError = { at: '2025-01-01T00:59:00.000Z', message: 'pools.web: expected a mapping, got nothing (torii.yaml:3)' };
    node.node.views = { ...views, status: { ...views.status, lastError } };
    expect((await torii(at(node, 'status'))).out).toContain(`last reload failed 1 min ago: ${lastError.message}`);
  });

  it('watches until interrupted, clearing only a terminal', async () => {
    const interruptAtSecond = (written: string, interrupt: () => void): void => {
      if (written.split('READY').length > 2) interrupt();
    };
    const { exit, out } = await torii(at(node, 'status', '--watch', '0.1'), { onOut: interruptAtSecond });
    expect([exit, out.split('READY').length - 1, out.includes('\u001b')]).toEqual([0, 2, false]);
  });
});

describe('several nodes', () => {
  it('are shown one after the other, with a warning where they differ', async () => {
    const [first, second] = views.vips;
    if (first === undefined || second === undefined) throw new Error('two VIPs expected');
    other.node.views = { ...views, vips: [{ ...first, state: 'withheld', reason: 'held' }, second] };
    const { exit, out, err } = await torii(['vips', '--api', node.socket, '--api', other.socket]);
    expect(exit).toBe(0);
    expect(out.split('== ').length).toBe(3);
    expect(err).toBe(
      `torii: warning: nodes differ on 203.0.113.10:80/tcp: acme acme-web announced at ${node.socket}; acme acme-web withheld held at ${other.socket}\n`,
    );
  });

  it('that agree give no warning, and as JSON one key per node', async () => {
    const { out, err } = await torii(['vips', '--json'], { env: { TORII_API: `${node.socket},${other.tcp}` } });
    expect([err, JSON.parse(out)]).toEqual(['', { [node.socket]: views.vips, [other.tcp]: views.vips }]);
  });

  it('of which one is dead: the living are shown, the exit code tells', async () => {
    const { exit, out, err } = await torii(['vips', '--api', node.socket, '--api', '/nowhere/api.sock']);
    expect([exit, out.includes('203.0.113.10:80/tcp')]).toEqual([5, true]);
    expect(err).toContain('no torii answers at /nowhere/api.sock');
  });
});
