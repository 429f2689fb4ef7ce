// `torii explain` of a flow nobody knows, held against what the packet path does with its first packet: random documents, random flows.

import { describe, expect, it } from 'vitest';
import { NativeCompiler } from '../../src/control/native-compiler.ts';
import { loadDataplaneAddon } from '../../src/dataplane/addon.ts';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import type { Desired, DesiredBackend } from '../../src/model/desired.ts';
import { parseFlow } from '../../src/model/flow.ts';
import { nodeAddress } from '../support/desired.ts';
import { tcpFrame, udpFrame } from '../support/packets.ts';
import { Random } from '../support/random.ts';
import { randomDesired } from '../support/random-desired.ts';

const seed = Number(process.env['TORII_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const documents = Number(process.env['TORII_CASES'] ?? 15);
const flowsPerDocument = 40;

const destinations = {
  4: ['203.0.113.10', '203.0.113.11', '203.0.113.12', '203.0.113.99', '198.18.0.1'],
  6: ['[2001:db8::10]', '[2001:db8::11]', '[2001:db8::12]', '[2001:db8::1:0]', '[2001:db8:1::1]'],
} as const;
const sources = {
  4: ['198.51.100.7', '198.51.100.8', nodeAddress, '192.0.2.77'],
  6: ['[2001:db8:9::7]', '[2001:db8:e::5]'],
} as const;

function randomFlow(random: Random) {
  const family = random.oneIn(2) ? 4 : 6;
  const source = random.oneIn(6) ? random.pick(sources[family]) : sources[family][0];
  return {
    protocol: random.pick(['tcp', 'udp']),
    from: `${source}:${1024 + random.below(50_000)}`,
    to: `${random.pick(destinations[family])}:${random.pick([80, 443, 8000, 8050, 8100, 8101, 7])}`,
  };
}

/** Admission and the packet's size are no part of what explain judges, so nothing is limited here and every way is wide. */
function unlimited(desired: Desired): Desired {
  return {
    ...desired,
    tenants: desired.tenants.map((tenant) => ({ ...tenant, plan: null })),
    pools: desired.pools.map((pool) => ({ ...pool, backends: pool.backends.map(wide) })),
  };
}

function wide(backend: DesiredBackend): DesiredBackend {
  return { ...backend, nextHop: { ...backend.nextHop, mtuBytes: 1500 } };
}

describe('the explanation of a flow that nobody knows', () => {
  it(`says what becomes of it, for ${documents * flowsPerDocument} flows from seed ${seed} on`, { timeout: 120_000 }, () => {
    const addon = loadDataplaneAddon();
    for (let n = 0; n < documents; n++) {
      const random = new Random(seed + n);
      const desired = unlimited(randomDesired(random));
      const [engine, other] = [new MemoryEngine({ flowEntries: 1024 }), new MemoryEngine({ flowEntries: 1024 })];
      try {
        engine.load(desired);
        const compiler = new NativeCompiler(addon, other.engine);
        compiler.keep(compiler.draft(desired));
        for (let i = 0; i < flowsPerDocument; i++) {
          const { protocol, from, to } = randomFlow(random);
          const flow = parseFlow(`${protocol} ${from} ${to}`);
          if (flow === undefined) throw new Error('no flow');
          const frame = protocol === 'tcp' ? tcpFrame({ from, to, flags: 'A' }) : udpFrame({ from, to });
          const [outcome] = engine.run([{ bytes: frame, timeNs: 0n }]);
          const { verdict, reason, vip, tenant, backend } = compiler.explain(flow, desired);
          expect(outcome, `TORII_SEED=${seed + n} ${protocol} ${from} ${to}`).toMatchObject({
            verdict,
            reason,
            vip,
            tenant,
            backend,
          });
        }
      } finally {
        engine.close();
        other.close();
      }
    }
  });
});
