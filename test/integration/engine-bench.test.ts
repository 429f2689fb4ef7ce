// What bench:engines counts is what was forwarded: the bed of the benchmark with its loops, the kernel and nothing at the far end.
// Needs root, and two processors.

import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineBed, type Load } from '../../bench/engine-bed.ts';
import { bareLoop, engine, kernelForwarding, nftables, nothing, type Subject } from '../../bench/engine-subjects.ts';
import { remains } from '../../deploy/lab/lab.ts';
import { run } from '../../deploy/lab/shell.ts';
import { buildNative, native } from '../support/native-build.ts';

const canRun = process.getuid?.() === 0 && availableParallelism() > 1;
if (!canRun) console.log('SKIPPED: the bed of bench:engines needs root and two processors');
const bedName = 'engine-bench';
/** Frames that the generator has under way when it looks (native/bench/generate.c). */
const batch = 64;
const load: Load = { flows: 1024, flags: 'ack', atOnce: 512, ms: 100 };

describe.skipIf(!canRun)('the bed of bench:engines', () => {
  let bed: EngineBed;

  beforeAll(async () => {
    buildNative('all');
    bed = await EngineBed.claim(bedName);
  });

  afterAll(async () => {
    await bed.down();
    expect(remains(bedName)).toEqual([]);
  });

  async function count(subject: Subject) {
    await bed.renew();
    const threads = await subject.start(bed);
    const counted = await bed.generate(load, threads);
    return { ...counted, threads: threads.length };
  }

  it('counts no frame where none comes back', async () => {
    const { sent, arrived } = await count(nothing);
    expect(sent).toBeGreaterThan(0);
    expect(arrived).toBe(0);
  });

  it.each([bareLoop.af_packet, bareLoop.af_xdp, engine('af_packet')])(
    'counts the frames that come back from $name, and the time of one thread',
    async (subject) => {
      const { sent, arrived, threads, threadSeconds } = await count(subject);
      expect(arrived).toBeGreaterThan(sent / 2);
      expect(arrived).toBeLessThan(sent * 2);
      expect(threads).toBe(1);
      expect(threadSeconds).toBeGreaterThan(0);
    },
    60_000,
  );

  it.each([kernelForwarding, nftables])('has all frames back from $name at once', async (subject) => {
    const { sent, arrived } = await count(subject);
    expect(Math.abs(arrived - sent)).toBeLessThanOrEqual(2 * batch);
  });

  it('has every stamped frame back', async () => {
    await bed.renew();
    const threads = await kernelForwarding.start(bed);
    const { sent, back, p50, p99 } = await bed.ways(1000, 100, threads);
    expect(sent).toBeGreaterThan(0);
    // Whether the first one and the last one count is decided on two clocks.
    expect(Math.abs(back - sent)).toBeLessThanOrEqual(2);
    expect(p99).toBeGreaterThanOrEqual(p50);
  });

  it.each([
    ['generate', ['object', 'eth0', '02:00:00:00:00:01', '192.0.2.1', '80', '1', 'ack', '0', '1']],
    ['latency', ['eth0', '02:00:00:00:00:01', '192.0.2.1', '80', '1', '1', '1']],
  ])('%s sends to documentation addresses alone', async (program, words) => {
    await expect(run([`${native}/build/bench/${program}`, ...words])).rejects.toThrow(/exit 64/);
  });
});
