// The ExaBGP driver against BIRD: ExaBGP announces what Torii says, ends when Torii does, and is replaced when it ends.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { PeerConfig, PeerStatus, SpeakerConfig } from '../../src/model/peer.ts';
import { BgpBed, Bird, routerAddress, routerAs, run, speakerAddress, speakerAs, speakerConfig } from './support/bgp-bed.ts';

const isRoot = process.getuid?.() === 0;
const isInstalled = spawnSync('exabgp', ['--version']).status === 0;
if (!isRoot) console.log('SKIPPED: ExaBGP with BIRD needs root for network namespaces');
else if (!isInstalled) console.log('SKIPPED: ExaBGP with BIRD needs exabgp: apt-get install --no-install-recommends exabgp');

const vip = '203.0.113.10/32';
const other = '203.0.113.11/32';

const birdText = (password = '') => `
log stderr all;
router id ${routerAddress};
protocol device { scan time 10; }
protocol kernel { ipv4 { export where source = RTS_BGP; import none; }; }
protocol bgp exabgp {
  local ${routerAddress} as ${routerAs};
  neighbor ${speakerAddress} as ${speakerAs};
  passive yes; hold time 9; error wait time 1, 2; connect delay time 1; direct;
  ${password === '' ? '' : `password "${password}";`}
  ipv4 { import all; export none; }; ipv6 { import all; export none; };
}
`;

const [base] = speakerConfig.peers;
if (base === undefined) throw new Error('no peer');
const configOf = (peer: Partial<PeerConfig> = {}): Partial<SpeakerConfig> => ({
  implementation: 'exabgp',
  peers: [{ ...base, ...peer }],
});

let bed: BgpBed;
afterEach(async () => {
  vi.unstubAllEnvs();
  await bed.close();
});

async function routed(password?: string): Promise<Bird> {
  bed = new BgpBed();
  vi.stubEnv('RUNTIME_DIRECTORY', bed.directory);
  for (const [namespace, host] of [
    [bed.routerNamespace, 1],
    [bed.speakerNamespace, 11],
  ] as const)
    run('ip', '-n', namespace, 'addr', 'add', `fd66::${host}/64`, 'dev', 'e0', 'nodad');
  const bird = new Bird(bed, birdText(password));
  await bird.start();
  return bird;
}

/** Processes in the speaker's namespace whose command line has this word. */
function processesOf(word: string): number[] {
  const inside = run('ip', 'netns', 'pids', bed.speakerNamespace).split('\n').filter(Boolean).map(Number);
  return inside.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word);
    } catch {
      return false;
    }
  });
}

const established = ({ state }: { readonly state: string }) => state === 'established';
const offers = ({ capabilities }: PeerStatus, word: string) => capabilities?.sent.includes(word) === true;

describe.skipIf(!isRoot || !isInstalled)('ExaBGP, driven by Torii', () => {
  it('announces both families with their attributes, changes and withdraws them', async () => {
    const bird = await routed();
    const policy = { communities: ['65000:1'], largeCommunities: ['65000:1:2'] };
    const speaker = bed.speaker({
      ...configOf({ families: ['ipv4', 'ipv6'], policy: { med: 7, communities: ['65000:9'] } }),
      nextHop6: 'fd66::11',
    });
    speaker.set([
      { prefix: vip, policy: { ...policy, prepend: 2 } },
      { prefix: other, policy: {}, blackhole: true },
      { prefix: '2001:db8::10/128', policy: {} },
    ]);
    const peer = await speaker.peer(({ announced }) => announced === 3);
    expect(peer).toMatchObject({ state: 'established', holdTimeSec: 9, families: ['ipv4', 'ipv6'], lastError: null });
    await bed.routeIs(vip, true);
    await bed.routeIs(other, true);
    const told = bird.showRoute(vip);
    expect(told).toContain(`BGP.as_path: ${speakerAs} ${speakerAs} ${speakerAs}\n`);
    for (const words of ['BGP.med: 7', 'BGP.community: (65000,1)\n', 'large_community: (65000, 1, 2)'])
      expect(told).toContain(words);
    expect(bird.showRoute(other)).toContain('BGP.community: (65000,9) (65535,666)');
    expect(bird.showRoute('2001:db8::10/128')).toContain('BGP.next_hop: fd66::11');

    speaker.configure({
      ...speakerConfig,
      ...configOf({ families: ['ipv4', 'ipv6'], policy: { med: 8 } }),
      nextHop6: 'fd66::11',
    });
    speaker.set([{ prefix: vip, policy: {} }]);
    await bed.routeIs(other, false);
    await expect.poll(() => bird.showRoute(vip)).toContain('BGP.med: 8');
    expect(await speaker.peer(({ announced }) => announced === 1)).toMatchObject({ state: 'established', flaps: 0 });
  });

  it('shows what both sides say, and outlives an operator who asks the router to ask again', async () => {
    const bird = await routed();
    const speaker = bed.speaker(configOf());
    speaker.set([{ prefix: vip, policy: {} }]);
    await bed.routeIs(vip, true);
    const { capabilities } = await speaker.peer(
      ({ messages }) => messages.sent['update'] === 2 && (messages.received['keepalive'] ?? 0) > 0,
    );
    expect(capabilities?.sent).toEqual(['multiprotocol ipv4', `4-octet AS ${speakerAs}`, 'extended message']);
    expect(capabilities?.received).toContain(`4-octet AS ${routerAs}`);
    // Refused by BIRD, since ExaBGP offers none: one that is asked ends the session.
    bird.ask('reload in exabgp');
    speaker.set([
      { prefix: vip, policy: {} },
      { prefix: other, policy: {} },
    ]);
    await bed.routeIs(other, true);
    expect(await speaker.peer(({ announced }) => announced === 2)).toMatchObject({ state: 'established', flaps: 0 });
  });

  it('tells a router that comes back everything again, without waiting for long', async () => {
    const bird = await routed();
    const speaker = bed.speaker(configOf());
    speaker.set([{ prefix: vip, policy: {} }]);
    await bed.routeIs(vip, true);
    await bird.stop('SIGTERM');
    const lost = await speaker.peer(({ flaps }) => flaps === 1);
    expect(lost).toMatchObject({ announced: 0, lastError: { direction: 'received', code: 6, subcode: 2 } });
    speaker.set([{ prefix: other, policy: {} }]);
    await bird.start();
    await bed.routeIs(other, true);
    expect(bird.ask('show route')).not.toContain(vip);
  });

  it('is started anew when it dies, and dies with Torii', async () => {
    await routed();
    const speaker = bed.speaker(configOf());
    speaker.set([{ prefix: vip, policy: {} }]);
    await bed.routeIs(vip, true);
    const [exabgp = 0] = processesOf('exabgp.conf');
    process.kill(exabgp, 'SIGKILL');
    await bed.routeIs(vip, false);
    await bed.routeIs(vip, true);
    expect(processesOf('exabgp.conf')).not.toContain(exabgp);
    await speaker.kill('SIGKILL');
    await bed.routeIs(vip, false);
    await expect.poll(() => processesOf('exabgp')).toEqual([]);
  });

  it('is ended by its bridge when Torii hangs for the hold time', async () => {
    await routed();
    const speaker = bed.speaker(configOf({ holdTimeSec: 3 }));
    speaker.set([{ prefix: vip, policy: {} }]);
    await bed.routeIs(vip, true);
    const [torii = 0] = processesOf('bgp-speaker-process');
    process.kill(torii, 'SIGSTOP');
    await bed.routeIs(vip, false);
    await expect.poll(() => processesOf('exabgp.conf').filter((pid) => !isZombie(pid))).toEqual([]);
  });

  it('leaves with GRACEFUL_SHUTDOWN, a pause, withdrawals and CEASE', async () => {
    // Characters that would mean something in a configuration file.
    const password = "s3cr;t #{'";
    const bird = await routed(password);
    const speaker = bed.speaker(configOf({ password }));
    speaker.set([{ prefix: vip, policy: { communities: ['65000:1'] } }]);
    await bed.routeIs(vip, true);
    expect(readdirSync(bed.directory).filter((name) => name.startsWith('torii-exabgp-'))).toEqual([]);
    const closed = speaker.close(true);
    await expect.poll(() => bird.showRoute(vip), { interval: 20 }).toContain('(65535,0)');
    await closed;
    expect(bed.route(vip)).toBeUndefined();
    const seen = bird.ask('show protocols all exabgp');
    expect(seen).toContain('Received: Administrative shutdown');
    expect(processesOf('exabgp')).toEqual([]);
  });

  it('takes over from the built-in speaker, and gives back', async () => {
    await routed();
    const speaker = bed.speaker();
    speaker.set([{ prefix: vip, policy: {} }]);
    await bed.routeIs(vip, true);
    speaker.configure({ ...speakerConfig, ...configOf() });
    await expect.poll(() => processesOf('exabgp.conf').length, { timeout: 5000 }).toBe(1);
    await speaker.peer((peer) => established(peer) && !offers(peer, 'route refresh'));
    await bed.routeIs(vip, true);
    speaker.configure(speakerConfig);
    await speaker.peer((peer) => established(peer) && offers(peer, 'route refresh'));
    await bed.routeIs(vip, true);
    expect(processesOf('exabgp.conf')).toEqual([]);
  });
});

function isZombie(pid: number): boolean {
  return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
