// TCP MD5 (RFC 2385) and GTSM (RFC 5082): who has the key, or is near enough, gets a session, and nobody else.
//
// A refused speaker is watched for as long as several of its calls take, with the router's eyes: a busy router may set GTSM
// on a call whose OPEN has come in already, answer it and then hear no more, which to the speaker is a session until it is
// reset.

import { setTimeout as delay } from 'node:timers/promises';
import type { Bed } from '../bed.ts';
import type { ConformanceCase } from '../case.ts';
import type { Speaker } from '../speaker.ts';

/** Calls go out at least every second (connectRetrySec), and each takes up to a second to fail. */
const refusedForMs = 4_000;

async function refused(bed: Bed, speaker: Speaker): Promise<void> {
  const deadlineMs = performance.now() + refusedForMs;
  while (performance.now() < deadlineMs) {
    if (await bed.isEstablished(speaker)) throw new Error(`${speaker.node.id}: expected no session, but the router has one`);
    await delay(250);
  }
  const others = bed.speakers.filter((other) => other !== speaker);
  await bed.routed(bed.vip(10), ...others);
}

export const md5: ConformanceCase = {
  id: 'md5',
  sentence: 'with TCP MD5 the right password gets a session, a wrong one or none does not',
  plan: { peers: { password: 'abracadabra' } },
  peer: (index) => ({ password: index === 0 ? 'abracadabra' : 'hocuspocus' }),
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first);
    await refused(bed, second);
    second.settle({ password: null });
    await refused(bed, second);
    second.settle({ password: 'abracadabra' });
    await bed.routed(vip, first, second);
  },
};

export const gtsm: ConformanceCase = {
  id: 'gtsm',
  sentence: 'with GTSM on both sides there is a session; a router with it refuses a speaker without',
  plan: { peers: { ttlSecurity: true } },
  peer: (index) => ({ ttlSecurity: index === 0 ? 1 : null }),
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first);
    await refused(bed, second);
    second.settle({ ttlSecurity: 1 });
    if (bed.router.kind === 'gobgp') {
      // It waits four minutes for the OPEN of a caller whose packets it drops, and refuses that caller meanwhile.
      await bed.router.shutDown(second.address, 'forget that call');
      await bed.router.enable(second.address);
    }
    await bed.routed(vip, first, second);
  },
};

export const gtsmOwn: ConformanceCase = {
  id: 'gtsm-own',
  sentence: 'a speaker with GTSM refuses a router without',
  plan: { peers: {} },
  peer: (index) => ({ ttlSecurity: index === 0 ? null : 1 }),
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first);
    await refused(bed, second);
    second.settle({ ttlSecurity: null });
    await bed.routed(vip, first, second);
  },
};
