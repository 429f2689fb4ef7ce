// BFD (RFC 5880, 5881) beside a session whose hold time is far too long to help.

import assert from 'node:assert/strict';
import { heal, silentLoss } from '../../../deploy/lab/faults.ts';
import { until } from '../../../deploy/lab/until.ts';
import type { Bed } from '../bed.ts';
import type { ConformanceCase } from '../case.ts';

const times = { intervalMs: 100, multiplier: 3 };
const outOfReachSec = 300;

async function bothUp(bed: Bed): Promise<void> {
  const isUp = async () => {
    const sessions = await bed.router.bfd();
    return bed.speakers.every((speaker) => sessions.some(({ address, isUp }) => isUp && address === speaker.address));
  };
  await until(isUp, { what: 'the router to see BFD up with both speakers', timeoutMs: 60_000, everyMs: 100 });
  for (const speaker of bed.speakers) await speaker.peer('to have BFD up', ({ bfd }) => bfd?.state === 'up');
}

export const bfd: ConformanceCase = {
  id: 'bfd',
  sentence: 'BFD comes up, takes a speaker out whose packets are lost silently, and comes up again',
  routers: ['frr', 'bird'],
  plan: { peers: { bfd: times }, holdTimeSec: outOfReachSec },
  peer: () => ({ bfd: times, holdTimeSec: outOfReachSec }),
  async run(bed) {
    const [first, second] = bed.speakers;
    const vip = bed.vip(10);
    await bed.start(vip);
    await bed.routed(vip, first, second);
    await bothUp(bed);
    await silentLoss(bed.lab.topology, first.node);
    await bed.routed(vip, second);
    const down = await first.peer('to see BFD down', ({ bfd }) => bfd?.state !== 'up');
    assert.notEqual(down.state, 'established');
    await heal(bed.lab.topology, first.node);
    await bed.routed(vip, first, second);
    await bothUp(bed);
  },
};
