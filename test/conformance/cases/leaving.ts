// A speaker leaves: on purpose, by its process's death, or by being silent.
//
// What may remove the route in the other ways is kept out of reach: where a closed connection or BFD has to do it, the
// hold time is far longer than the case waits.

import assert from 'node:assert/strict';
import { heal, silentLoss } from '../../../deploy/lab/faults.ts';
import type { ConformanceCase } from '../case.ts';

/** Far beyond what any wait allows. */
const outOfReachSec = 300;
const shortHoldSec = 3;

export const gracefulShutdown: ConformanceCase = {
  id: 'graceful-shutdown',
  sentence: 'a speaker that leaves is used no more while it still announces, then says goodbye',
  drainSec: 2,
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first, second);
    const ended = first.daemon.stop();
    const leaving = await bed.received(vip, first, ({ communities }) => communities.includes('65535:0'));
    assert.equal(leaving.med, 4_294_967_295);
    await bed.routed(vip, second);
    assert.ok(first.daemon.isAlive(), 'it was gone before the router could turn away from it');
    await ended;
    assert.equal(await bed.isEstablished(first), false);
    assert.ok(await bed.isEstablished(second));
  },
};

export const killed: ConformanceCase = {
  id: 'killed',
  sentence: 'a speaker that is killed takes its routes along at once, and brings them back',
  plan: { holdTimeSec: outOfReachSec },
  peer: () => ({ holdTimeSec: outOfReachSec }),
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first, second);
    await first.daemon.kill();
    await bed.routed(vip, second);
    await first.daemon.start();
    await bed.routed(vip, first, second);
  },
};

export const holdTime: ConformanceCase = {
  id: 'hold-time',
  sentence: 'when packets are lost silently, both sides give the session up after the hold time, and it comes back',
  plan: { holdTimeSec: shortHoldSec },
  peer: () => ({ holdTimeSec: shortHoldSec }),
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first, second);
    await silentLoss(bed.lab.topology, first.node);
    await bed.routed(vip, second);
    const lost = await first.peer('to give up', ({ state, lastError }) => state !== 'established' && lastError !== null);
    assert.deepEqual([lost.lastError?.direction, lost.lastError?.code], ['sent', 4]);
    await heal(bed.lab.topology, first.node);
    await bed.routed(vip, first, second);
  },
};

export const hungSpeaker: ConformanceCase = {
  id: 'hung-speaker',
  sentence: 'a speaker that hangs is out of the route after the hold time, and back when it goes on',
  plan: { holdTimeSec: shortHoldSec },
  peer: () => ({ holdTimeSec: shortHoldSec }),
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first, second);
    first.daemon.signal('SIGSTOP');
    try {
      await bed.routed(vip, second);
    } finally {
      first.daemon.signal('SIGCONT');
    }
    await bed.routed(vip, first, second);
  },
};

export const hungRouter: ConformanceCase = {
  id: 'hung-router',
  sentence: 'a router that hangs is given up after the hold time, and served again when it goes on',
  plan: { holdTimeSec: shortHoldSec },
  peer: () => ({ holdTimeSec: shortHoldSec }),
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first, second);
    bed.router.signal('SIGSTOP');
    try {
      const lost = await first.peer('to give up', ({ state, lastError }) => state !== 'established' && lastError !== null);
      assert.deepEqual([lost.lastError?.direction, lost.lastError?.code], ['sent', 4]);
    } finally {
      bed.router.signal('SIGCONT');
    }
    await bed.routed(vip, first, second);
    const back = await first.peer('to be established', ({ state }) => state === 'established');
    assert.ok(back.flaps >= 1, `flaps: expected at least 1, got ${back.flaps}`);
  },
};
