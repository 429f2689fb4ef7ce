// What is announced arrives as it was meant, and goes when it is withdrawn.

import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';

export const announce: ConformanceCase = {
  id: 'announce',
  sentence: 'communities, large communities, MED and prepends arrive as the document has them',
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    first.announce({ address: vip, communities: ['65000:100'], largeCommunities: ['65000:1:2'], med: 7, prepend: 2 });
    second.announce(vip);
    await Promise.all(bed.speakers.map(async ({ daemon }) => await daemon.start()));
    const far = await bed.received(vip, first, () => true);
    assert.deepEqual(
      { ...far, localPref: null },
      {
        nextHop: first.address,
        asPath: [65010, 65010, 65010],
        communities: ['65000:100'],
        largeCommunities: ['65000:1:2'],
        med: 7,
        localPref: null,
      },
    );
    const near = await bed.received(vip, second, () => true);
    assert.deepEqual([near.asPath, near.communities], [[65010], []]);
    // The longer path is no equal of the shorter one.
    await bed.routed(vip, second);
  },
};

export const withdraw: ConformanceCase = {
  id: 'withdraw',
  sentence: 'a VIP that one speaker withdraws stays with the other, and comes back',
  async run(bed) {
    const [first, second] = bed.speakers;
    const [vip, other] = [bed.vip(10), bed.vip(11)];
    await bed.start(vip, other);
    await bed.routed(vip, first, second);
    first.announce(other);
    await bed.routed(vip, second);
    second.announce(other);
    await bed.routed(vip);
    await bed.routed(other, first, second);
    first.announce(other, vip);
    second.announce(other, vip);
    await bed.routed(vip, first, second);
  },
};

export const prefix: ConformanceCase = {
  id: 'prefix',
  sentence: 'a VIP that is a prefix is announced as one',
  async run(bed) {
    const vip = bed.family === 4 ? '203.0.113.128/28' : '2001:db8:cafe:0:1::/80';
    await bed.start(vip);
    await bed.routed(vip, ...bed.speakers);
  },
};

const manyCount = 10_000;
const manyInside = { 4: '100.64.0.0/16', 6: '2001:db8:beef::/64' } as const;

export const many: ConformanceCase = {
  id: 'many',
  sentence: '10,000 prefixes are announced, withdrawn and announced again',
  routers: ['frr', 'bird'],
  plan: { accepts: Object.values(manyInside), maxPrefixes: 20_000 },
  timeoutMs: 240_000,
  async run(bed) {
    const [first] = bed.speakers;
    const inside = manyInside[bed.family];
    const vips = Array.from({ length: manyCount }, (_, i) =>
      bed.family === 4 ? `100.64.${i >> 8}.${i & 255}` : `2001:db8:beef::${(i + 1).toString(16)}`,
    );
    first.announce(...vips);
    await first.daemon.start();
    await bed.routeCount(inside, manyCount);
    const { messages } = await first.peer('to have announced all', ({ announced }) => announced === manyCount);
    // 4096 bytes hold 807 prefixes of 5 bytes beside the attributes, or 236 of 17; one more message is End-of-RIB.
    const most = bed.family === 4 ? 14 : 44;
    assert.ok((messages.sent['update'] ?? 0) <= most, `UPDATEs: expected at most ${most}, got ${messages.sent['update']}`);
    await first.daemon.maintain(true);
    await bed.routeCount(inside, 0);
    await first.daemon.maintain(false);
    await bed.routeCount(inside, manyCount);
    const peer = await first.peer('to have announced all', ({ announced }) => announced === manyCount);
    assert.equal(peer.flaps, 0);
  },
};
