// What both sides agree on beyond the session's own family.

import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';

export const bothFamilies: ConformanceCase = {
  id: 'both-families',
  sentence: 'routes of both families go over one session, all of them with IPv6 next hops where it is not their own family’s',
  plan: { peers: { isDual: true } },
  peer: () => ({ families: ['ipv4', 'ipv6'] }),
  async run(bed) {
    const [own, other] = bed.family === 4 ? ['203.0.113.10', '2001:db8:cafe::a'] : ['2001:db8:cafe::a', '203.0.113.10'];
    await bed.start(own, other);
    await bed.routed(own, ...bed.speakers);
    await bed.routedVia(
      other,
      bed.speakers.map(({ node }) => node.address6),
    );
    const peer = await bed.speakers[0].peer('to announce both', ({ announced }) => announced === 2);
    assert.deepEqual(peer.families.toSorted(), ['ipv4', 'ipv6']);
  },
};

export const role: ConformanceCase = {
  id: 'role',
  sentence: 'roles that fit make a session, roles that do not are refused with the reason',
  routers: ['bird', 'frr'],
  plan: { peers: { role: 'provider' } },
  peer: (index) => ({ role: index === 0 ? 'customer' : 'peer' }),
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first);
    const refused = await second.peer('to be refused', ({ lastError }) => lastError?.code === 2);
    assert.equal(refused.lastError?.subcode, 11);
    second.settle({ role: 'customer' });
    await bed.routed(vip, first, second);
  },
};
