import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryEngine } from '../../src/dataplane/memory-engine.ts';
import { tcp, tcpVip } from '../fixtures/common.ts';
import { Oracle } from '../oracle/oracle.ts';
import { desiredOf } from '../support/desired.ts';
import { Random } from '../support/random.ts';

const workers = 4;
const maxSyns = 60_000;
const syn = tcp('S');
const timeout = 120_000;

interface Offer {
  readonly cps: number;
  readonly burst: number;
  /** SYNs offered for each that the plan admits. */
  readonly overload: number;
  /** How SYNs are spread over workers. */
  readonly spread: 'one' | 'all' | 'shift';
  readonly seed: number;
}

const offers: fc.Arbitrary<Offer> = fc.record({
  cps: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 5000, max: 1_000_000 })),
  // With room for fewer, tokens are lost while no SYN comes.
  burst: fc.integer({ min: 3, max: 2000 }),
  overload: fc.double({ min: 1.1, max: 3, noNaN: true }),
  spread: fc.constantFrom('one', 'all', 'shift'),
  seed: fc.nat(),
});

/** Ten seconds, or as long as there are few enough SYNs. */
function secondsOf({ cps, overload }: Offer): number {
  return Math.min(10, maxSyns / (cps * overload));
}

/** Arrival times at the offered rate on average, unevenly, after the burst was spent at time 0; a few at the very end. */
function arrivals(offer: Offer): readonly bigint[] {
  const random = new Random(offer.seed);
  const gapNs = 1e9 / (offer.cps * offer.overload);
  const count = Math.floor((secondsOf(offer) * 1e9) / gapNs);
  const times = Array.from({ length: count }, (_, i) => BigInt(Math.floor((i + random.below(1000) / 1000) * gapNs)));
  const end = BigInt(Math.round(secondsOf(offer) * 1e9));
  return [...times, end, end, end];
}

const documentOf = ({ cps, burst }: Offer) => desiredOf({ vips: [tcpVip], plans: { acme: { cps, burst } } });

function admittedByEngine(offer: Offer): number {
  const engine = new MemoryEngine({ flowEntries: 64, workers });
  engine.load(documentOf(offer));
  const admitted = admittedOnceSpent(engine, offer);
  engine.close();
  return admitted;
}

/** Spends the burst at time 0 on every worker, then offers what the plan is measured by. */
function admittedOnceSpent(engine: MemoryEngine, offer: Offer): number {
  const run = (times: readonly bigint[], worker: number): number =>
    engine
      .run(
        times.map((timeNs) => ({ bytes: syn, timeNs })),
        worker,
      )
      .filter(({ verdict }) => verdict === 'forward').length;
  // Tokens that a worker drew with its last batch and did not spend yet are part of the burst.
  for (let worker = 0; worker < workers; worker++)
    run(
      Array.from({ length: offer.burst + 1 }, () => 0n),
      worker,
    );
  const times = arrivals(offer);
  const [block, blocksPerShift] = [16, Math.ceil(times.length / 16 / 12)];
  let admitted = 0;
  for (let first = 0; first < times.length; first += block) {
    const number = first / block;
    const worker = { one: 0, all: number % workers, shift: Math.floor(number / blocksPerShift) % workers }[offer.spread];
    admitted += run(times.slice(first, first + block), worker);
  }
  return admitted;
}

function admittedByOracle(offer: Offer): number {
  const oracle = new Oracle(documentOf(offer), { flowEntries: 64 });
  for (let i = 0; i <= offer.burst; i++) oracle.run(syn, 0n);
  return arrivals(offer).filter((timeNs) => oracle.run(syn, timeNs).verdict === 'forward').length;
}

function expectExact(offer: Offer, admitted: number): void {
  const wanted = offer.cps * secondsOf(offer);
  expect(Math.abs(admitted - wanted)).toBeLessThanOrEqual(Math.max(1, wanted * 0.02));
}

describe('a plan over ten seconds, once its burst is spent', () => {
  it('admits its CPS to 2 % or one token, whichever worker the SYNs arrive on', { timeout }, () => {
    fc.assert(
      fc.property(offers, (offer) => expectExact(offer, admittedByEngine(offer))),
      { numRuns: 20 },
    );
  });

  it.each([1, 2, 1000, 1_000_000])('admits %i CPS exactly', { timeout }, (cps) => {
    for (const spread of ['one', 'all', 'shift'] as const) {
      const offer = { cps, burst: 10, overload: 2, spread, seed: 1 };
      expectExact(offer, admittedByEngine(offer));
    }
  });

  it('admits its CPS on every worker after a plan under which they drew tokens by the batch', () => {
    for (const cps of [1, 5, 100, 3000]) {
      const [offer, before] = [
        { burst: 10, overload: 2, spread: 'all', seed: 1, cps },
        { cps: 1_000_000, burst: 2000 },
      ] as const;
      const engine = new MemoryEngine({ flowEntries: 64, workers });
      engine.load(desiredOf({ vips: [tcpVip], plans: { acme: before } }));
      for (let worker = 0; worker < workers; worker++) engine.run([{ bytes: syn, timeNs: 0n }], worker);
      engine.load(documentOf(offer));
      expectExact(offer, admittedOnceSpent(engine, offer));
      engine.close();
    }
  });

  it('admits as much in the oracle', { timeout }, () => {
    fc.assert(
      fc.property(offers, (offer) => {
        const small = { ...offer, cps: (offer.cps % 500) + 1, burst: (offer.burst % 50) + 3 };
        expectExact(small, admittedByOracle(small));
      }),
      { numRuns: 5 },
    );
  });
});
