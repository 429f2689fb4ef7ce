// Bursts of every size against the oracle, which takes one packet after the other: what strides, vectors and prefetching do with
// many packets under way must be what each would get alone.
//
// Mostly plain packets of few flows in a small table, so that flows meet in one burst, displace each other between match and
// use, and expire in one of their buckets while they live in the other. TORII_SEED=N begins with that session.

import { describe, expect, it } from 'vitest';
import { memoryEngine, oracleEngine, type TimedFrame } from '../fixtures/engine.ts';
import { differences } from '../fixtures/run-fixture.ts';
import type { Outcome } from '../oracle/outcome.ts';
import { tcpFrame, udpFrame } from '../support/packets.ts';
import { Random } from '../support/random.ts';
import { randomDesired } from '../support/random-desired.ts';
import { FrameSource } from '../support/random-packets.ts';

const sessions = Number(process.env['TORII_CASES'] ?? 40);
const burstsPerSession = 30;
/** Around the strides' 16, and a whole burst. */
const sizes = [1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64] as const;
const pausesMs = [0, 1, 1, 10, 10, 999, 2000, 9_999, 10_000, 60_000, 120_000] as const;
const seed = Number(process.env['TORII_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Of the flow with this number: either family, either protocol, one of four VIPs. */
function plainFrame(random: Random, flow: number, flags: string): Uint8Array {
  const isV6 = (flow & 1) === 1;
  const port = (flow & 2) === 2 ? 80 : 443;
  const client = isV6 ? '[2001:db8:9::7]' : '198.51.100.7';
  const vip = isV6 ? '[2001:db8::10]' : '203.0.113.10';
  const ends = { from: `${client}:${40000 + flow}`, to: `${vip}:${port}` };
  const payload = new Uint8Array(12 + random.below(40));
  return (flow & 4) === 4 ? udpFrame({ ...ends, payload }) : tcpFrame({ ...ends, flags, payload });
}

function burst(random: Random, flows: number, odd: FrameSource, oddity: number): Uint8Array[] {
  return Array.from({ length: random.pick(sizes) }, () => {
    if (random.oneIn(oddity)) return odd.next().frame;
    return plainFrame(random, random.below(flows), random.pick(['A', 'A', 'A', 'A', 'A', 'A', 'PA', 'S', 'FA', 'R']));
  });
}

/** What differed first, in words; null when nothing did. */
function runSession(number: number): string | null {
  const random = new Random(number);
  const flowEntries = random.pick([8, 16, 64, 256]);
  const first = randomDesired(random);
  const engine = memoryEngine.open(first, { flowEntries });
  const oracle = oracleEngine.open(first, { flowEntries });
  const odd = new FrameSource(random);
  const flows = random.pick([1, 5, 24, 120]);
  const oddity = random.pick([4, 30, 1_000_000]);
  let timeNs = 0n;
  try {
    for (let n = 0; n < burstsPerSession; n++) {
      timeNs += BigInt(random.pick(pausesMs)) * 1_000_000n;
      if (random.oneIn(10)) {
        const next = randomDesired(random);
        engine.load(next, timeNs);
        oracle.load(next, timeNs);
      }
      const packets = burst(random, flows, odd, oddity).map((frame): TimedFrame => ({ frame, timeNs }));
      const difference = differs(oracle.run(packets), engine.run(packets));
      if (difference !== null) return `TORII_SEED=${number}, burst ${n} of ${packets.length} at ${timeNs} ns, ${difference}`;
    }
    expect(engine.counters()).toEqual(oracle.counters());
    return null;
  } finally {
    engine.close();
  }
}

function differs(expected: readonly Outcome[], got: readonly Outcome[]): string | null {
  for (const [i, outcome] of expected.entries()) {
    const problems = differences(outcome, got[i] ?? { ...outcome, verdict: 'drop', reason: 'missing' });
    if (problems.length > 0) return `packet ${i}: ${problems.join('\n  ')}`;
  }
  return null;
}

describe('A burst of 1 to 64 packets', () => {
  it(`becomes what its packets would one by one, in ${sessions * burstsPerSession} bursts from seed ${seed} on`, {
    timeout: 600_000,
  }, () => {
    for (let n = 0; n < sessions; n++) expect(runSession(seed + n)).toBeNull();
  });
});
