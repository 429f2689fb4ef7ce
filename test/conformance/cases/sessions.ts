// Sessions come up, say what is to be said, and come up again.

import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';

export const establish: ConformanceCase = {
  id: 'establish',
  sentence: 'two speakers establish sessions, and both are next hops of their VIP',
  async run(bed) {
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, ...bed.speakers);
    for (const speaker of bed.speakers) {
      assert.ok(await bed.isEstablished(speaker), `the router has no session with ${speaker.address}`);
      const peer = await speaker.peer('to be established', ({ state }) => state === 'established');
      assert.deepEqual(
        { families: peer.families, holdTimeSec: peer.holdTimeSec, announced: peer.announced, flaps: peer.flaps },
        { families: [`ipv${bed.family}`], holdTimeSec: 9, announced: 1, flaps: 0 },
      );
    }
  },
};

export const called: ConformanceCase = {
  id: 'called',
  sentence: 'a passive speaker takes the router’s call',
  plan: { peers: {}, dials: true },
  peer: () => ({ passive: true }),
  async run(bed) {
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, ...bed.speakers);
  },
};

export const unchanged: ConformanceCase = {
  id: 'unchanged',
  sentence: 'a session outlives changes of the document that do not concern it',
  async run(bed) {
    const [first] = bed.speakers;
    const [a, b] = [bed.vip(10), bed.vip(11)];
    await bed.start(a);
    await bed.routed(a, ...bed.speakers);
    // A router that is still reading its configuration may have ended the first session.
    const before = await first.peer('to announce one', ({ announced }) => announced === 1);
    first.announce(a, b);
    await bed.routed(b, first);
    const peer = await first.peer('to announce two', ({ announced }) => announced === 2);
    assert.equal(peer.flaps, before.flaps, peer.lastError?.text);
  },
};

/** What a router knows again only because it was told again. */
async function seeAgain(bed: Parameters<ConformanceCase['run']>[0], end: () => Promise<void>): Promise<void> {
  const [first, second] = bed.speakers;
  const [kept, dropped, added] = [bed.vip(10), bed.vip(11), bed.vip(12)];
  await bed.start(kept, dropped);
  await bed.routed(dropped, first, second);
  await end();
  await first.peer('to notice', ({ state }) => state !== 'established');
  first.announce(kept, added);
  await bed.router.start();
  await bed.routed(kept, first, second);
  await bed.routed(dropped, second);
  await bed.routed(added, first);
  const peer = await first.peer('to be established again', ({ state }) => state === 'established');
  assert.deepEqual({ announced: peer.announced, flaps: peer.flaps }, { announced: 2, flaps: 1 });
}

export const routerRestart: ConformanceCase = {
  id: 'router-restart',
  sentence: 'a router that restarts is told everything again, as it is by then',
  async run(bed) {
    await seeAgain(bed, () => bed.router.stop());
  },
};

export const routerKilled: ConformanceCase = {
  id: 'router-killed',
  sentence: 'a router that was killed is told everything again',
  async run(bed) {
    await seeAgain(bed, async () => {
      bed.router.signal('SIGKILL');
      await bed.router.stop();
    });
  },
};

export const notification: ConformanceCase = {
  id: 'notification',
  sentence: 'the router’s own NOTIFICATION is shown in its words, and the session comes back when the router allows it',
  plan: { peers: {} },
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first, second);
    await bed.router.shutDown(first.address, 'going for lunch');
    await bed.routed(vip, second);
    const peer = await first.peer('to be told', ({ lastError }) => lastError?.direction === 'received');
    assert.deepEqual([peer.lastError?.code, peer.lastError?.subcode], [6, 2]);
    assert.match(peer.lastError?.text ?? '', /going for lunch/);
    await bed.router.enable(first.address);
    await bed.routed(vip, first, second);
  },
};
