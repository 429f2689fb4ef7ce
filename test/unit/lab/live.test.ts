// The demo's line of numbers, from a scene whose counters the test moves.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Scene } from '../../../deploy/lab/claims/scene.ts';
import { watch } from '../../../deploy/lab/live.ts';
import type { Narrator } from '../../../deploy/lab/narrator.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the live line', () => {
  it('counts new flows from the first second on, and those of a balancer that was started anew from 0', async () => {
    let flows: Readonly<Record<string, number>> = { lb1: 100, lb2: 50 };
    const scene = {
      lab: { topology: { vips: { acme: { tenant: 'acme' }, globex: { tenant: 'globex' } } } },
      results: () => [],
      newFlows: async () => flows,
      tenant: async () => ({ admitted: 0, limited: 0 }),
    } as unknown as Scene;
    const lines: string[] = [];
    const narrator = { live: (line: string) => lines.push(line) } as unknown as Narrator;
    const live = watch(scene, narrator);
    await vi.advanceTimersByTimeAsync(500);
    flows = { lb1: 130, lb2: 57 };
    await vi.advanceTimersByTimeAsync(500);
    flows = { lb1: 131, lb2: 4 };
    await vi.advanceTimersByTimeAsync(1000);
    live.stop();
    expect(lines.map((line) => /new flows\/s (.*?) {2}/.exec(line)?.[1])).toEqual(['lb1 30 lb2 7', 'lb1 1 lb2 4']);
  });
});
