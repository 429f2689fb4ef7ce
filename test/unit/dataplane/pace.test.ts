import { describe, expect, it } from 'vitest';
import { paceBetween } from '../../../src/dataplane/pace.ts';

const worker = (busyNs: number, bursts: number, rxPackets: number) => ({ busyNs, bursts, rxPackets });

describe('the pace of packet workers', () => {
  it('is the share of time spent on packets and the mean burst between two samples', () => {
    const from = { atMs: 1000, workers: [worker(5e9, 100, 1000), worker(0, 0, 0)] };
    const to = { atMs: 2000, workers: [worker(5.25e9, 140, 1100), worker(0, 0, 0)] };
    expect(paceBetween(from, to)).toEqual([
      { busyRatio: 0.25, burstSize: 2.5 },
      { busyRatio: 0, burstSize: null },
    ]);
  });

  it('is idle before a second sample, and never above all of the time', () => {
    const sample = { atMs: 1000, workers: [worker(0, 0, 0)] };
    expect(paceBetween(sample, sample)).toEqual([{ busyRatio: 0, burstSize: null }]);
    expect(paceBetween(sample, { atMs: 1001, workers: [worker(5e6, 1, 64)] })).toEqual([{ busyRatio: 1, burstSize: 64 }]);
  });
});
