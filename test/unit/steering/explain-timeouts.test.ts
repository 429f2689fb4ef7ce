// What `torii explain` says of a flow whose VIP's timeouts have changed since its last packet, held against the packet path.

import { expect, it } from 'vitest';
import { MemoryEngine } from '../../../src/dataplane/memory-engine.ts';
import { parseFlow } from '../../../src/model/flow.ts';
import { explain } from '../../../src/steering/explain.ts';
import { profileOf } from '../../../src/steering/timeout-profiles.ts';
import { desiredOf } from '../../support/desired.ts';
import { tcpFrame } from '../../support/packets.ts';

const ends = { from: '198.51.100.7:40000', to: '203.0.113.10:80' };
const backend = '10.0.2.21';
const desiredFor = (tcpSec: number) =>
  desiredOf({ vips: [{ vip: `${ends.to}/tcp`, timeouts: { tcpSec } }], pools: { web: [backend] } });

it('is known under the timeouts of its last packet', () => {
  const [before, after] = [desiredFor(3600), desiredFor(5)];
  const engine = new MemoryEngine({ flowEntries: 1024 });
  const run = (flags: string, sec: bigint) =>
    engine.run([{ bytes: tcpFrame({ ...ends, flags }), timeNs: sec * 1_000_000_000n }])[0]?.flow;
  try {
    engine.load(before);
    expect([run('S', 0n), run('A', 1n)]).toEqual(['new', 'known']);
    engine.load(after, 2_000_000_000n);
    expect(flowTable(after)).toMatch(/^known flow \(established, idle for 6.0 s of 3600 s/);
    expect([run('A', 7n), run('A', 12n)]).toEqual(['known', 'new']);
  } finally {
    engine.close();
  }

  function flowTable(desired: typeof after): string | undefined {
    const flow = parseFlow(`tcp ${ends.from} ${ends.to}`);
    const [vip] = before.vips;
    if (flow === undefined || vip === undefined) throw new Error('no flow, or no VIP');
    const { steps } = explain(flow, {
      desired,
      entry: () => ({ worker: 0, state: 'established', idleMs: 6000, backendIndex: 1, backendGeneration: 1, profile: 3 }),
      timeouts: (profile) => (profile === 3 ? profileOf(vip) : undefined),
      backend: () => ({ pool: 'web', address: backend }),
      slot: () => 1,
      backendAddress: () => backend,
      learnedMtu: () => undefined,
    });
    return steps.find(({ step }) => step === 'flow table')?.result;
  }
});
