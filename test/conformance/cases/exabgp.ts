// The same promises with ExaBGP in the speaker's place, driven over its API.

import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';

export const exabgp: ConformanceCase = {
  id: 'exabgp',
  sentence: 'ExaBGP, driven by the speakers, announces, withdraws, turns traffic away before it leaves, and dies with its daemon',
  isExabgp: true,
  drainSec: 2,
  async run(bed) {
    const [first, second] = bed.speakers;
    const [vip, other] = [bed.vip(10), bed.vip(11)];
    await bed.start(vip, other);
    await bed.routed(other, first, second);
    first.announce({ address: vip, communities: ['65000:100'], largeCommunities: ['65000:1:2'] });
    await bed.routed(other, second);
    const route = await bed.received(vip, first, ({ communities }) => communities.length > 0);
    assert.deepEqual([route.communities, route.largeCommunities], [['65000:100'], ['65000:1:2']]);
    await bed.routed(vip, first, second);
    const ended = first.daemon.stop();
    await bed.received(vip, first, ({ communities }) => communities.includes('65535:0'));
    await bed.routed(vip, second);
    await ended;
    await second.daemon.kill();
    await bed.routed(vip);
  },
};
