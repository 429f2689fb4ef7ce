import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plain, tcp } from '../../fixtures/common.ts';
import { oracleEngine } from '../../fixtures/engine.ts';
import { forwarded, packet } from '../../fixtures/fixture.ts';
import { runFixture } from '../../fixtures/run-fixture.ts';
import { Oracle } from '../../oracle/oracle.ts';
import { Random } from '../../support/random.ts';
import { randomDesired } from '../../support/random-desired.ts';
import { FrameSource } from '../../support/random-packets.ts';

describe('the oracle', () => {
  it('gives any bytes exactly one verdict and never throws', () => {
    const oracle = new Oracle(plain, { flowEntries: 8 });
    let packets = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, isIpv4) => {
        const frame = isIpv4 && bytes.length > 14 ? Uint8Array.from([...tcp('S').slice(0, 14), ...bytes]) : bytes;
        oracle.run(frame, 0n);
        packets++;
        const { rx, forwarded: sent, passed, answered, dropped } = oracle.counters();
        expect(rx).toBe(packets);
        expect(sent + passed + answered + Object.values(dropped).reduce((sum, count) => sum + count, 0)).toBe(rx);
      }),
    );
  });

  it('does the same again for the same packets', () => {
    const run = (seed: number) => {
      const random = new Random(seed);
      const oracle = new Oracle(randomDesired(random), { flowEntries: 16 });
      const frames = new FrameSource(random);
      return Array.from({ length: 100 }, (_, i) => oracle.run(frames.next().frame, BigInt(i) * 1_000_000n));
    };
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(run(seed)).toEqual(run(seed));
      }),
      { numRuns: 10 },
    );
  });
});

describe('the fixture runner', () => {
  const steps = [packet(tcp('S'), forwarded({ flow: 'new' }))];

  it('says nothing of a fixture that holds', () => {
    expect(runFixture({ sentence: 'holds', config: plain, steps }, oracleEngine)).toEqual([]);
  });

  it('names every field, byte and counter that differs', () => {
    const wrong = { ...forwarded({ flow: 'known', backend: '10.0.2.99', out: [new Uint8Array(1)] }), verdict: 'answer' } as const;
    const fixture = { sentence: 'fails', config: plain, steps: [packet(tcp('S'), wrong)], counters: { newFlows: 2 } };
    const problems = runFixture(fixture, oracleEngine);
    expect(problems.map((problem) => problem.split(':', 2).join(':'))).toEqual([
      'packet 0: verdict',
      'packet 0: backend',
      'packet 0: flow',
      'packet 0: out 0',
      'counters: expected newFlows 2, got 1',
    ]);
  });
});
