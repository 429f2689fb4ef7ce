// Random packets × random documents × reloads: an engine must do to the byte what the oracle does.
//
// A session is one engine with its flow table; a case is one document loaded into it and the packets that follow. What a
// session does depends on its seed alone. TORII_SEED=N runs that session only; TORII_CASES sets how many cases there are.

import { setImmediate as turn } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type EngineKind, memoryEngine, oracleEngine, type TimedFrame } from '../fixtures/engine.ts';
import { engineKinds } from '../fixtures/engines.ts';
import { handingOver, isHandedOver, without } from '../fixtures/hand-over.ts';
import { differences } from '../fixtures/run-fixture.ts';
import type { Outcome } from '../oracle/outcome.ts';
import { bytes } from '../support/ip-packets.ts';
import { Random } from '../support/random.ts';
import { randomDesired } from '../support/random-desired.ts';
import { FrameSource } from '../support/random-packets.ts';

const casesPerSession = 10;
const packetsPerCase = 24;
const cases = Number(process.env['TORII_CASES'] ?? 2000);
const onlySeed = process.env['TORII_SEED'];
const firstSeed = onlySeed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(onlySeed);
/** BPF programs are the memory engine's core again: fewer cases tell whether a compiler or the kernel differs. */
const bpfShare = 5;

function sessionsOf({ name }: EngineKind): number {
  if (onlySeed !== undefined) return 1;
  return Math.ceil(cases / casesPerSession / (name === memoryEngine.name ? 1 : bpfShare));
}

const shortPauses = [0, 0, 0, 1, 10] as const;
/** Around every timeout there is. */
const longPauses = [250, 333, 999, 1000, 1000, 9_999, 10_000, 29_999, 59_999, 60_000, 120_000, 599_000, 3_600_000] as const;

function pauseUs(random: Random): number {
  return random.pick(random.oneIn(12) ? longPauses : shortPauses) * 1000 + random.below(3);
}

/** What differed first, in words; null when nothing did. */
function runSession(kind: EngineKind, seed: number): string | null {
  const random = new Random(seed);
  const flowEntries = random.pick([8, 8, 16, 64]);
  const first = randomDesired(random);
  const engine = kind.open(first, { flowEntries });
  const oracle = oracleEngine.open(first, { flowEntries });
  const frames = new FrameSource(random);
  const handed: Outcome[] = [];
  let timeUs = 0;
  try {
    for (let number = 0; number < casesPerSession; number++) {
      if (number > 0) {
        const next = randomDesired(random);
        engine.load(next, BigInt(timeUs) * 1000n);
        oracle.load(next, BigInt(timeUs) * 1000n);
      }
      const packets = Array.from({ length: packetsPerCase }, (): TimedFrame => {
        const { frame, isPathError } = frames.next();
        timeUs += pauseUs(random) + (isPathError ? 1 : 0);
        return { frame: longEnough(frame, kind), timeNs: BigInt(timeUs) * 1000n };
      });
      const expected = oracle.run(packets);
      const got = engine.run(packets);
      for (const [i, outcome] of expected.entries()) {
        const given = got[i] ?? { ...outcome, verdict: 'drop', reason: 'missing' };
        if (isHandedOver(given)) handed.push(outcome);
        const problems = differences(kind.handsOver === true ? handingOver(outcome, given) : outcome, given);
        if (problems.length > 0) return describeFailure({ kind, seed, number, i }, packets[i], problems);
      }
    }
    const [wanted, counted] = [without(oracle.counters(), handed), engine.counters()];
    return sorted(wanted) === sorted(counted)
      ? null
      : `seed ${seed}: counters: expected ${sorted(wanted)}, got ${sorted(counted)}`;
  } finally {
    engine.close();
  }
}

/** Zeros behind a frame that is too short to reach the engine. */
function longEnough(frame: Uint8Array, { minFrameBytes = 0 }: EngineKind): Uint8Array {
  return frame.length < minFrameBytes ? bytes(frame, new Uint8Array(minFrameBytes - frame.length)) : frame;
}

function describeFailure(
  { kind, seed, number, i }: { readonly kind: EngineKind; readonly seed: number; readonly number: number; readonly i: number },
  packet: TimedFrame | undefined,
  problems: readonly string[],
): string {
  const frame = Buffer.from(packet?.frame ?? []).toString('hex');
  const place = `${kind.name}, TORII_SEED=${seed}, document ${number}, packet ${i} at ${packet?.timeNs} ns`;
  return `${place}\n  ${frame}\n  ${problems.join('\n  ')}`;
}

function sorted(counters: object): string {
  return JSON.stringify(counters, (_, value: unknown) =>
    value !== null && typeof value === 'object'
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

for (const kind of engineKinds().filter(({ name }) => name !== oracleEngine.name)) {
  const sessions = sessionsOf(kind);
  const title = kind.unavailable === null ? kind.name : `${kind.name} (SKIPPED: ${kind.unavailable})`;
  describe.skipIf(kind.unavailable !== null)(title, () => {
    beforeAll(() => kind.prepare?.(), 240_000);

    it(`does to the byte what the oracle does, in ${sessions * casesPerSession} cases from seed ${firstSeed} on`, {
      timeout: 600_000 + sessions * casesPerSession * 30,
    }, async () => {
      for (let n = 0; n < sessions; n++) {
        expect(runSession(kind, firstSeed + n)).toBeNull();
        await turn(); // what engines had mapped goes in a turn of the event loop: 20 GB were held without one
      }
    });
  });
}
