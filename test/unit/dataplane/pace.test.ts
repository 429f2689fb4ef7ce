import { describe, expect, it } from 'vitest';
import { paceBetween } from '../../../src/dataplane/pace.ts';

const worker = (busyNs: number, bursts: number, rxPackets: number, shed = 0) => ({ busyNs, bursts, rxPackets, shed });
const isShort = false;

describe('the pace of packet workers', () => {
  it('is the share of time spent on packets and the mean burst between two samples', () => {
    const from = { atMs: 1000, workers: [worker(5e9, 100, 1000), worker(0, 0, 0)] };
    const to = { atMs: 2000, workers: [worker(5.25e9, 140, 1100), worker(0, 0, 0)] };
    expect(paceBetween(from, to)).toEqual([
      { busyRatio: 0.25, burstSize: 2.5, isShort },
      { busyRatio: 0, burstSize: null, isShort },
    ]);
  });

  it('is idle before a second sample, and never above all of the time', () => {
    const sample = { atMs: 1000, workers: [worker(0, 0, 0)] };
    expect(paceBetween(sample, sample)).toEqual([{ busyRatio: 0, burstSize: null, isShort }]);
    expect(paceBetween(sample, { atMs: 1001, workers: [worker(5e6, 1, 64)] })).toEqual([
      { busyRatio: 1, burstSize: 64, isShort },
    ]);
  });

  it('is that of a worker short of CPU while it drops packets for want of it', () => {
    const samples = [3, 5, 5].map((shed, i) => ({ atMs: i * 1000, workers: [worker(0, 0, 0, shed)] }));
    const [a, b, c] = samples;
    if (a === undefined || b === undefined || c === undefined) throw new Error('three samples');
    expect([...paceBetween(a, b), ...paceBetween(b, c)].map((pace) => pace.isShort)).toEqual([true, false]);
  });
});
