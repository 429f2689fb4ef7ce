// A live worker with a twentieth of a processor, and a flood at one tenant that it has no time for: connections of another tenant must
// go on as if nothing were.

import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../deploy/lab/until.ts';
import { buildNative, native } from '../support/native-build.ts';
import { echoServer } from './support/bed-programs.ts';
import { CpuLimit, canLimitCpu } from './support/cpu-limit.ts';
import { liveEngines } from './support/live-engines.ts';
import { bed, build, decapsulate, endPrograms, remove, script, server, start } from './support/packet-bed.ts';
import type { Totals } from './support/packet-node.ts';
import { bedDesired, PacketNode } from './support/packet-node-handle.ts';

const flooded = '203.0.113.20';
const calm = `${bed.vip}:80/tcp`;
const requests = 30;

const isRoot = process.getuid?.() === 0;
const canRun = isRoot && canLimitCpu();
if (!canRun) console.log('SKIPPED: a worker short of CPU needs root and CPU quotas of control groups');

/** Connections one after the other; prints how many came back whole. */
const requester = `
import { once } from 'node:events';
import { connect } from 'node:net';
let whole = 0;
for (let i = 0; i < ${requests}; i++) {
  const socket = connect(80, '${bed.vip}');
  let said = '';
  socket.setTimeout(20_000, () => socket.destroy());
  socket.on('data', (chunk) => { said += chunk; });
  socket.on('error', () => undefined);
  socket.end('hello');
  await once(socket, 'close');
  if (said === 'hello') whole++;
}
console.log(whole);`;

/** Packets of a VIP between two looks that were dropped for want of CPU, of all that were judged. */
function shedShare(before: Totals, after: Totals, vip: string): number {
  const [was = {}, is = {}] = [before.vips[vip], after.vips[vip]];
  const judged = Object.entries(is).reduce((sum, [verdict, count]) => sum + count - (was[verdict] ?? 0), 0);
  return ((is['overload'] ?? 0) - (was['overload'] ?? 0)) / judged;
}

describe.skipIf(!canRun)('a live worker that is short of CPU', () => {
  let node: PacketNode;
  let limit: CpuLimit | undefined;

  beforeAll(() => {
    buildNative('build/test/frame_port');
    buildNative('all');
    build();
    decapsulate();
  });
  afterEach(async () => {
    await node.kill();
    await endPrograms();
    limit?.remove();
  });
  afterAll(remove);

  it.each(liveEngines)('drops packets of the tenant that floods it, and serves the other one (%s)', async (engine) => {
    node = await PacketNode.start({ engine });
    await node.load(
      bedDesired([
        { vip: calm, tenant: 'calm' },
        { vip: `${flooded}:80/tcp`, tenant: 'flooded' },
      ]),
    );
    await server('backend', `${echoServer}.listen(80, '${bed.vip}', () => console.log('ready'));`);
    limit = new CpuLimit('overload', 1 / 20);
    limit.take(node.pid, 'torii-worker-0');
    const flood = start('client', [`${native}/build/synflood`, flooded, '80', '198.18.0.0', '16', '150000', '9000000']);
    const sheds = async () => ((await node.totals()).verdicts['overload'] ?? 0) > 10_000;
    await until(sheds, { what: 'the worker to shed packets', timeoutMs: 60_000 });
    const before = await node.totals();
    const answered = await script('client', requester);
    const after = await node.totals();
    flood.kill();
    await once(flood, 'exit');
    expect(Number(answered)).toBe(requests);
    const [ofFlooded, ofCalm] = [shedShare(before, after, `${flooded}:80/tcp`), shedShare(before, after, calm)];
    console.log(
      `shed of the flooded tenant's packets ${(ofFlooded * 100).toFixed(1)} %, of the other's ${(ofCalm * 100).toFixed(1)} %`,
    );
    expect(ofFlooded).toBeGreaterThan(0.1);
    expect(ofCalm).toBeLessThan(ofFlooded / 10);
  });
});
