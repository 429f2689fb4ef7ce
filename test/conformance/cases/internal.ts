// Sessions inside the router's own AS (RFC 4271 5.1.5): local preference in place of MED and path.

import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';

export const internal: ConformanceCase = {
  id: 'ibgp',
  sentence: 'on iBGP the local preference decides, and a speaker that leaves lowers its own to 0',
  plan: { peers: { isInternal: true } },
  drainSec: 2,
  async run(bed) {
    const [first, second] = bed.speakers;
    const [vip, other] = [bed.vip(10), bed.vip(11)];
    first.announce({ address: vip, localPref: 200, communities: ['65000:100'] }, other);
    second.announce(vip, other);
    await Promise.all(bed.speakers.map(async ({ daemon }) => await daemon.start()));
    await bed.routed(other, first, second);
    await bed.routed(vip, first);
    const preferred = await bed.received(vip, first, () => true);
    assert.deepEqual(
      { ...preferred, med: null },
      {
        nextHop: first.address,
        asPath: [],
        communities: ['65000:100'],
        largeCommunities: [],
        med: null,
        localPref: 200,
      },
    );
    assert.equal((await bed.received(vip, second, () => true)).localPref, 100);
    first.announce(vip, other);
    await bed.routed(vip, first, second);
    const ended = first.daemon.stop();
    const leaving = await bed.received(vip, first, ({ communities }) => communities.includes('65535:0'));
    assert.equal(leaving.localPref, 0);
    await bed.routed(vip, second);
    assert.ok(first.daemon.isAlive(), 'it was gone before the router could turn away from it');
    await ended;
    assert.equal(await bed.isEstablished(first), false);
    second.announce(other);
    await bed.routed(vip);
    await bed.routed(other, second);
  },
};
