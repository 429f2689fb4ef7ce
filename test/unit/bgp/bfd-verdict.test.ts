import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BfdLook, type BfdMemory, judge, newMemory, silenceMs } from '../../../src/bgp/bfd-verdict.ts';
import type { BfdState } from '../../../src/model/bfd.ts';

const down: BfdLook = { state: 'down', remoteState: 'down', failures: 0, received: 0 };
const up: BfdLook = { state: 'up', remoteState: 'up', failures: 0, received: 10 };

/** Looks with the time of each; what came of them, in order. */
function told(looks: readonly (readonly [number, BfdLook])[]): { readonly words: readonly string[]; readonly memory: BfdMemory } {
  let memory = newMemory(0);
  const words: string[] = [];
  for (const [nowMs, look] of looks) {
    const verdict = judge(memory, look, nowMs);
    memory = verdict.memory;
    if (verdict.lost) words.push(`lost at ${nowMs}`);
    if (verdict.regained) words.push(`regained at ${nowMs}`);
  }
  return { words, memory };
}

describe('what BFD means for BGP', () => {
  it('is nothing while it has not been up: a router without BFD works', () => {
    const heard = { ...down, received: 20 };
    expect(
      told([
        [0, down],
        [10_000, down],
        [20_000, heard],
        [21_000, { ...heard, state: 'init' }],
      ]).words,
    ).toEqual([]);
  });

  it('is a loss when it was up and the peer is silent or says down', () => {
    expect(
      told([
        [0, up],
        [500, { ...down, failures: 1, received: 10 }],
      ]).words,
    ).toEqual(['lost at 500']);
  });

  it('is nothing when the peer switches it off, or when this end went down by itself', () => {
    expect(
      told([
        [0, up],
        [500, { ...down, remoteState: 'adminDown', received: 11 }],
      ]).words,
    ).toEqual([]);
    expect(
      told([
        [0, up],
        [500, { ...down, received: 11 }],
      ]).words,
    ).toEqual([]);
  });

  it('is a new start when it is up again, also between two looks', () => {
    const lost = { ...down, failures: 1, received: 10 };
    expect(
      told([
        [0, up],
        [500, lost],
        [900, { ...up, failures: 1, received: 12 }],
      ]).words,
    ).toEqual(['lost at 500', 'regained at 900']);
    const { words, memory } = told([
      [0, up],
      [700, { ...up, failures: 1, received: 20 }],
    ]);
    expect(words).toEqual(['lost at 700', 'regained at 700']);
    expect(memory.stateSinceMs).toBe(700);
  });

  it('keeps BGP away while the peer is heard and it is not up', () => {
    const looks = Array.from({ length: 60 }, (_, i) => [1000 + i * 1000, { ...down, failures: 1, received: 10 + i }] as const);
    expect(told([[0, up], ...looks]).words).toEqual(['lost at 1000']);
  });

  it('lets BGP try again when the peer no longer speaks any', () => {
    const lost = { ...down, failures: 1, received: 10 };
    expect(
      told([
        [0, up],
        [500, lost],
        [silenceMs - 1, lost],
        [silenceMs, lost],
      ]).words,
    ).toEqual(['lost at 500', `regained at ${silenceMs}`]);
    const off = { ...lost, remoteState: 'adminDown', received: 11 } as const;
    expect(
      told([
        [0, up],
        [500, lost],
        [900, off],
      ]).words,
    ).toEqual(['lost at 500', 'regained at 900']);
  });

  it('tells every loss once, and after each that it is over before it tells the next as a pair', () => {
    const state = fc.constantFrom<BfdState>('adminDown', 'down', 'init', 'up');
    const look = fc.record({ state, remoteState: state, failed: fc.nat(2), heard: fc.nat(2), afterMs: fc.nat(4000) });
    fc.assert(
      fc.property(fc.array(look), (looks) => {
        let memory = newMemory(0);
        let [nowMs, failures, received, isAway] = [0, 0, 0, false];
        for (const { state, remoteState, failed, heard, afterMs } of looks) {
          nowMs += afterMs;
          failures += failed;
          received += heard;
          const verdict = judge(memory, { state, remoteState, failures, received }, nowMs);
          expect(verdict.lost).toBe(failed > 0);
          if (verdict.regained) expect(isAway || verdict.lost).toBe(true);
          isAway = (isAway || verdict.lost) && !verdict.regained;
          expect(verdict.memory.isLost).toBe(isAway);
          if (state === 'up') expect(isAway).toBe(false);
          memory = verdict.memory;
        }
      }),
    );
  });
});
