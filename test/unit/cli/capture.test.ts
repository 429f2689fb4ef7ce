import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CaptureFile } from '../../../src/capture/capture-file.ts';
import { CaptureRecords } from '../../../src/capture/records.ts';
import type { CaptureEnd } from '../../../src/model/capture.ts';
import { bytes } from '../../support/ip-packets.ts';
import { packetsOf } from '../../support/pcapng-blocks.ts';
import { type Harness, startHarness } from '../api/harness.ts';
import { everything, layout, names, recordBytes } from '../capture/support.ts';
import { useDirectory } from '../replay/support.ts';
import { torii } from './terminal.ts';

const at = useDirectory();
let node: Harness;

beforeEach(async () => {
  node = await startHarness();
});
afterEach(() => node.close());

const run = (...args: readonly string[]) => torii(['capture', ...args, '--api', node.socket]);

/** A capture of two packets, one of which left, as a node sends it. */
function served(end: CaptureEnd | null): Uint8Array {
  const device = { name: 'eth0', description: 'af_packet' };
  const file = new CaptureFile({ query: everything, devices: [device], layout, version: '0.1.0', nowNs: 5n });
  const records = [recordBytes({ output: Uint8Array.of(7) }), recordBytes({})];
  file.add(new CaptureRecords(layout).read(bytes(...records)), names);
  file.statistics([{ received: 1000, matched: 20, taken: 2, limited: 15, missed: 3 }], 6n, end);
  return file.take();
}

describe('torii capture', () => {
  it('writes what the node sends, and says how much that was and what is not in it', async () => {
    const whole = served('count');
    node.node.capturePieces = [whole.subarray(0, 150), whole.subarray(150)];
    const { exit, err, out } = await run(at('out.pcapng'), '--count', '2');
    expect(exit).toBe(0);
    expect(readFileSync(at('out.pcapng')).equals(whole)).toBe(true);
    expect(out).toBe('');
    expect(err.replace(at('out.pcapng'), 'out.pcapng')).toBe(
      [
        `2 packets and 1 as they left in out.pcapng, ${whole.length} B: --count was reached`,
        '  of 1,000 that came meanwhile 20 were asked for',
        '  15 above the rate left out: --rate allows more, --sample spreads them',
        '  3 missed, since OUT or the network was slower than they came',
        '',
      ].join('\n'),
    );
  });

  it('says the same as one object with --json', async () => {
    const whole = served('count');
    node.node.capturePieces = [whole];
    const { exit, err, out } = await run(at('out.pcapng'), '--count', '2', '--json');
    expect([exit, err]).toEqual([0, '']);
    expect(out.endsWith('}\n')).toBe(true);
    expect(JSON.parse(out)).toEqual({
      file: at('out.pcapng'),
      packets: 2,
      left: 1,
      bytes: whole.length,
      received: 1000,
      matched: 20,
      sampledOut: 0,
      limited: 15,
      missed: 3,
      end: 'count',
    });
  });

  it('has the object on standard error where OUT is standard output, of a capture that is interrupted, too', async () => {
    const whole = served(null);
    node.node.capturePieces = [whole, whole.subarray(0, 99)];
    const words = ['capture', '-', '--json', '--sample', '2', '--api', node.socket];
    const { exit, err, bytes: written } = await torii(words, { onOut: (_, interrupt) => interrupt() });
    expect([exit, packetsOf(written).length]).toEqual([0, 3]);
    const summary = { file: null, packets: 2, bytes: written.length, sampledOut: 0, limited: 15, missed: 3, end: 'interrupted' };
    expect(JSON.parse(err)).toMatchObject(summary);
  });

  it('writes to standard output where OUT is -', async () => {
    node.node.capturePieces = [served('time')];
    const { exit, bytes: written } = await run('-', '--count', '2');
    expect([exit, packetsOf(written).length]).toEqual([0, 3]);
  });

  it('keeps whole packets when it is interrupted, and tells the node', async () => {
    const whole = served(null);
    node.node.capturePieces = [whole, whole.subarray(0, 99)];
    const {
      exit,
      err,
      bytes: written,
    } = await torii(['capture', '-', '--api', node.socket], {
      onOut: (_, interrupt) => interrupt(),
    });
    expect([exit, packetsOf(written).length]).toEqual([0, 3]);
    expect(err).toContain('in standard output');
    expect(err).toContain(': interrupted\n');
    await expect.poll(() => node.node.capturesStopped).toBe(1);
  });

  it('asks for what its options say', async () => {
    const options = ['--vip', '203.0.113.10:80/tcp', '--verdict', 'drop', '--verdict', 'answer', '--reason', 'cps_limited'];
    const more = ['--client', '198.51.100.0/24', '--backend', '2001:DB8::21', '--count', '7', '--for', '1m30s'];
    const bounds = ['--bytes', '20M', '--sample', '10', '--rate', '50', '--snap', '128', '--no-output'];
    expect((await run(at('out.pcapng'), ...options, ...more, ...bounds)).exit).toBe(0);
    expect(node.node.captures).toEqual([
      {
        vip: '203.0.113.10:80/tcp',
        verdicts: ['drop', 'answer'],
        reasons: ['cps_limited'],
        client: '198.51.100.0/24',
        backend: '2001:db8::21',
        count: 7,
        forSec: 90,
        bytes: 20_000_000,
        sample: 10,
        ratePerSec: 50,
        snapBytes: 128,
        withOutput: false,
      },
    ]);
  });

  it.each([
    [['--verdict', 'lost'], '--verdict: expected forward, answer, pass, drop, got lost'],
    [['--bytes', '20T'], '--bytes: expected 4096 to 1G, like 500k or 20M, got 20T'],
    [['--for', '2h'], '--for: expected 1s to 60m, got 2h'],
    [['--rate', '0'], '--rate: expected 1 to 100000, got 0'],
    [['--client', '198.51.100.7/24'], '--client: expected an address or a prefix like 198.51.100.0/24, got 198.51.100.7/24'],
  ])('refuses %j before it asks', async (options, message) => {
    const { exit, err } = await run(at('out.pcapng'), ...options);
    expect(exit).toBe(64);
    expect(err).toContain(message);
    expect(existsSync(at('out.pcapng'))).toBe(false);
  });

  it('writes no pcapng to a terminal', async () => {
    const { exit, err } = await torii(['capture', '-', '--api', node.socket], { hasColour: true });
    expect([exit, err]).toEqual([64, expect.stringContaining('a terminal cannot show a pcapng')]);
    expect(node.node.captures).toEqual([]);
  });

  it('says which node it wants where several are named', async () => {
    const { exit, err } = await torii(['capture', at('out.pcapng'), '--api', node.socket, '--api', '127.0.0.1:1']);
    expect([exit, err]).toEqual([64, expect.stringContaining('expected one node')]);
  });

  it('fails when OUT cannot be written, and ends the capture', async () => {
    node.node.capturePieces = [served(null)];
    const { exit, err } = await run(join(at('missing'), 'out.pcapng'));
    expect(exit).toBe(1);
    expect(err).toContain('cannot be written');
    await expect.poll(() => node.node.capturesStopped).toBe(1);
  });
});
