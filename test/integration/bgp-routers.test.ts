// The speaker against BIRD and FRR, each in a network namespace with routes in its kernel.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Advertisement } from '../../src/model/peer.ts';
import { BgpBed, Bird, Frr, type Router, routerAddress, speakerAddress, speakerConfig } from './support/bgp-bed.ts';

const vip = '203.0.113.10/32';
const other = '203.0.113.11/32';
const route = (prefix: string, policy: Advertisement['policy'] = {}): Advertisement => ({ prefix, policy });

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('SKIPPED: BGP against real routers needs root for network namespaces');

describe.skipIf(!isRoot).each([
  ['BIRD', (bed: BgpBed): Router => new Bird(bed)],
  ['FRR', (bed: BgpBed): Router => new Frr(bed)],
])('with %s as the router, the speaker', (name, makeRouter) => {
  let bed: BgpBed;
  let router: Router;

  beforeEach(async () => {
    bed = new BgpBed();
    router = makeRouter(bed);
    await router.start();
  });

  afterEach(() => bed.close());

  it('announces and withdraws, and the kernel of the router follows', async () => {
    const speaker = bed.speaker();
    speaker.set([route(vip), route(other)]);
    await speaker.peer(({ state, announced }) => state === 'established' && announced === 2);
    await bed.routeIs(vip, true);
    expect(bed.route(vip)).toContain(`via ${speakerAddress}`);
    speaker.set([route(other)]);
    await bed.routeIs(vip, false);
    expect(bed.route(other)).toBeDefined();
  });

  it('is understood with communities, large communities, MED and prepends', async () => {
    const speaker = bed.speaker();
    speaker.set([route(vip, { communities: ['65000:100'], largeCommunities: ['65000:1:2'], med: 7, prepend: 1 })]);
    await bed.routeIs(vip, true);
    const shown = router.showRoute(vip);
    for (const part of name === 'BIRD'
      ? ['(65000,100)', '(65000, 1, 2)', 'med: 7', '65010 65010']
      : ['65000:100', '65000:1:2', '"metric":7', '65010 65010']) {
      expect(shown).toContain(part);
    }
  });

  it('brings 10,000 prefixes over in the fewest messages', async () => {
    const speaker = bed.speaker();
    const prefixes = Array.from({ length: 10_000 }, (_, i) => `198.18.${i >> 8}.${i & 255}/32`);
    speaker.set(prefixes.map((prefix) => route(prefix)));
    const peer = await speaker.peer(({ announced }) => announced === 10_000);
    // 807 prefixes of 5 bytes fit beside the attributes, or all of them in FRR's extended messages; one more is End-of-RIB.
    expect(peer.messages.sent.update).toBe((name === 'BIRD' ? 14 : 2) * (1 + peer.flaps));
    await bed.routeIs(prefixes.at(-1) ?? '', true);
  });

  it('takes its routes along when its process is killed', async () => {
    const speaker = bed.speaker();
    speaker.set([route(vip)]);
    await bed.routeIs(vip, true);
    await speaker.kill('SIGKILL');
    await bed.routeIs(vip, false);
  });

  it('announces again, the newest state, after the router restarts', async () => {
    const speaker = bed.speaker();
    speaker.set([route(vip)]);
    await bed.routeIs(vip, true);
    await router.stop();
    const lost = await speaker.peer(({ state }) => state !== 'established');
    expect(lost.flaps).toBe(1);
    speaker.set([route(other)]);
    await router.start();
    await bed.routeIs(other, true);
    expect(bed.route(vip)).toBeUndefined();
    await speaker.peer(({ state, announced }) => state === 'established' && announced === 1);
  });

  it('notices by the hold time when the router hangs, and comes back when that does', async () => {
    const speaker = bed.speaker({ peers: speakerConfig.peers.map((peer) => ({ ...peer, holdTimeSec: 3 })) });
    speaker.set([route(vip)]);
    await bed.routeIs(vip, true);
    router.signal('SIGSTOP');
    const lost = await speaker.peer(({ state }) => state !== 'established');
    expect(lost.lastError).toMatchObject({ direction: 'sent', code: 4, subcode: 0 });
    router.signal('SIGCONT');
    await speaker.peer(({ state }) => state === 'established');
    await bed.routeIs(vip, true);
  });

  it('is noticed by the router’s hold time when it hangs itself', async () => {
    const speaker = bed.speaker({ peers: speakerConfig.peers.map((peer) => ({ ...peer, holdTimeSec: 3 })) });
    speaker.set([route(vip)]);
    await bed.routeIs(vip, true);
    speaker.child.kill('SIGSTOP');
    await bed.routeIs(vip, false);
  });

  it('leaves by asking for other paths, then withdrawing, then saying why', async () => {
    const speaker = bed.speaker({ drainSec: 3 });
    speaker.set([route(vip)]);
    await bed.routeIs(vip, true);
    const closed = speaker.close(true);
    // The route, End-of-RIB, the route again.
    await speaker.peer(({ messages }) => (messages.sent.update ?? 0) >= 3);
    expect(router.showRoute(vip)).toMatch(name === 'BIRD' ? /\(65535,0\)/ : /graceful-shutdown|65535:0/i);
    await closed;
    await bed.routeIs(vip, false);
  });

  it('keeps the session of an unchanged peer over a change of the document', async () => {
    const speaker = bed.speaker();
    speaker.set([route(vip)]);
    await bed.routeIs(vip, true);
    const [peer] = speakerConfig.peers;
    if (peer === undefined) throw new Error('no peer');
    speaker.configure({ ...speakerConfig, peers: [peer, { ...peer, address: '10.66.0.250' }] });
    await speaker.peer(({ address }) => address === '10.66.0.250');
    expect(await speaker.peer(({ address }) => address === routerAddress)).toMatchObject({ state: 'established', flaps: 0 });
  });
});
