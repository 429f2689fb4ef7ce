import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FromRecorder, Recorder } from '../../../src/capture/recorder.ts';
import { RemoteRecorder } from '../../../src/capture/remote-recorder.ts';
import { CaptureStream } from '../../../src/cli/capture-stream.ts';
import type { CaptureQuery, RunningCapture } from '../../../src/model/capture.ts';
import { packetsOf } from '../../support/pcapng-blocks.ts';
import { everything, FakePath, names, recordBytes } from './support.ts';

let path: FakePath;
let recorder: Recorder;
let remote: RemoteRecorder;

beforeEach(() => {
  vi.useFakeTimers();
  path = new FakePath();
  const send = (message: FromRecorder): void => remote.take(message);
  recorder = new Recorder({ addon: path.addon, engine: 0, version: '0.1.0', send });
  recorder.setNames(names);
  remote = new RemoteRecorder((message) => recorder.take(message));
});
afterEach(() => vi.useRealTimers());

const start = (query: Partial<CaptureQuery> = {}) => remote.start({ ...everything, ...query }, ['eth0']);

/** All of a capture, while time goes on. */
async function readAll(capture: RunningCapture): Promise<{ readonly bytes: Buffer; readonly stream: CaptureStream }> {
  const stream = new CaptureStream();
  const pieces: Buffer[] = [];
  for (;;) {
    const next = capture.next();
    await vi.advanceTimersByTimeAsync(2000);
    const bytes = await next;
    if (bytes === null) return { bytes: Buffer.concat(pieces), stream };
    pieces.push(stream.add(bytes));
  }
}

describe('a recorder', () => {
  it('writes what the packet path took until the count is reached, and frees it', async () => {
    const capture = await start({ count: 3 });
    path.put(recordBytes({}), recordBytes({}), recordBytes({}), recordBytes({}));
    const { bytes, stream } = await readAll(capture);
    expect(packetsOf(bytes)).toHaveLength(3);
    expect(stream.totals.end).toBe('count');
    expect(path.isOpen).toBe(false);
  });

  it('ends when its time is over, with all that was taken until then', async () => {
    const capture = await start({ forSec: 1 });
    path.put(recordBytes({}));
    path.counts = { received: 9, matched: 4, taken: 1, limited: 2, missed: 1 };
    const { bytes, stream } = await readAll(capture);
    expect(packetsOf(bytes)).toHaveLength(1);
    expect(stream.totals).toEqual({ received: 9, matched: 4, limited: 2, missed: 1, end: 'time' });
  });

  it('waits for a worker in the middle of a burst before it frees', async () => {
    path.lingers = 5;
    const capture = await start({ forSec: 1 });
    await vi.advanceTimersByTimeAsync(1001);
    path.put(recordBytes({}));
    expect(path.isOpen).toBe(true);
    expect(packetsOf((await readAll(capture)).bytes)).toHaveLength(1);
    expect(path.isOpen).toBe(false);
  });

  it('is one at a time', async () => {
    const capture = await start();
    await expect(start()).rejects.toMatchObject({ code: 'capture_busy' });
    capture.stop();
    expect((await readAll(capture)).stream.totals.end).toBe('stopped');
    await expect(start()).resolves.toBeDefined();
  });

  it('refuses what nobody can be asked for, and opens nothing', async () => {
    await expect(start({ vip: '203.0.113.99:80/tcp' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(start({ reasons: ['nonsense'] })).rejects.toMatchObject({ code: 'bad_request' });
    expect(path.opened).toEqual([]);
  });

  it('leaves the rings alone while its reader falls behind', async () => {
    const capture = await start({ bytes: 1_000_000_000 });
    const large = recordBytes({ input: new Uint8Array(60_000) });
    for (let i = 0; i < 400; i++) path.put(large);
    await vi.advanceTimersByTimeAsync(5000);
    const { left } = path;
    expect(left).toBeGreaterThan(100);
    await vi.advanceTimersByTimeAsync(5000);
    expect(path.left).toBe(left);
    capture.stop();
    await readAll(capture);
  });

  it('ends what is under way when its thread ends', async () => {
    const capture = await start();
    path.put(recordBytes({}));
    recorder.close();
    expect(path.isOpen).toBe(false);
    expect(packetsOf((await readAll(capture)).bytes)).toHaveLength(1);
  });

  it('fails for its reader when its thread dies', async () => {
    const capture = await start();
    const [, next] = [await capture.next(), capture.next()];
    remote.fail(new Error('gone'));
    await expect(next).rejects.toThrow('gone');
  });
});
