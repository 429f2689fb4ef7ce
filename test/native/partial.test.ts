// Checksums that a veth leaves open, as af_xdp completes them without being told which are. Under ASan and UBSan.

import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { wireBytesOf } from '../support/addresses.ts';
import { onesSum } from '../support/checksum.ts';
import { be16, bytes } from '../support/ip-packets.ts';
import { buildNative, native } from '../support/native-build.ts';
import { tcpFrame, udpFrame } from '../support/packets.ts';

const runs = 300;

interface Flow {
  readonly isTcp: boolean;
  readonly isV4: boolean;
  readonly vlans: readonly number[];
  readonly payload: Uint8Array;
  readonly port: number;
  readonly host: number;
}

const flow: fc.Arbitrary<Flow> = fc.record({
  isTcp: fc.boolean(),
  isV4: fc.boolean(),
  vlans: fc.array(fc.nat(4095), { maxLength: 1 }),
  payload: fc.uint8Array({ maxLength: 90 }),
  port: fc.integer({ min: 1, max: 65_535 }),
  host: fc.integer({ min: 1, max: 254 }),
});

const ends = ({ isV4, port, host }: Flow) =>
  isV4
    ? { from: `198.51.100.${host}:${port}`, to: '203.0.113.10:80' }
    : { from: `[2001:db8::${host}]:${port}`, to: '[2001:db8:203::10]:80' };

function frameOf(words: Flow, fields: { padTo?: number } = {}): Uint8Array {
  const { isTcp, vlans, payload } = words;
  const ethernet = { vlans, ...fields };
  return isTcp ? tcpFrame({ ...ends(words), payload, ethernet }) : udpFrame({ ...ends(words), payload, ethernet });
}

const l4Of = ({ isV4, vlans }: Flow): number => 14 + 4 * vlans.length + (isV4 ? 20 : 40);
const fieldOf = (words: Flow): number => l4Of(words) + (words.isTcp ? 16 : 6);

/** As a kernel leaves it to hardware: the folded sum of the pseudo-header. */
function leaveOpen(words: Flow, frame: Uint8Array): Uint8Array {
  const { isTcp, isV4, host } = words;
  const addresses = isV4 ? [`198.51.100.${host}`, '203.0.113.10'] : [`2001:db8::${host}`, '2001:db8:203::10'];
  const pseudo = onesSum(bytes(...addresses.map(wireBytesOf), [0, isTcp ? 6 : 17], be16(frame.length - l4Of(words))));
  const open = Uint8Array.from(frame);
  open.set(be16(folded(pseudo)), fieldOf(words));
  return open;
}

function folded(sum: number): number {
  return sum > 0xffff ? folded((sum & 0xffff) + Math.floor(sum / 0x10000)) : sum;
}

function complete(frames: readonly Uint8Array[]): readonly string[] {
  const input = `${frames.map(hex).join('\n')}\n`;
  return execFileSync(`${native}/build/test/partial`, { input }).toString().trimEnd().split('\n');
}

const hex = (frame: Uint8Array): string => Buffer.from(frame).toString('hex');

describe('checksums without metadata', () => {
  beforeAll(() => buildNative('build/test/partial'));

  it('that were left open are completed to what the sender would have written', () => {
    const flows = fc.sample(flow, runs);
    expect(complete(flows.map((each) => leaveOpen(each, frameOf(each))))).toEqual(flows.map((each) => hex(frameOf(each))));
  });

  it('that are whole stay as they are, behind Ethernet padding, too', () => {
    const flows = fc.sample(flow, runs);
    const frames = [...flows.map((each) => frameOf(each)), ...flows.map((each) => frameOf(each, { padTo: 200 }))];
    expect(complete(frames)).toEqual(frames.map(hex));
  });

  it('that are wrong stay wrong', () => {
    const damaged = fc.sample(flow, runs).map((each) => {
      const frame = frameOf(each);
      frame.set([(frame[fieldOf(each)] ?? 0) ^ 0x5a], fieldOf(each));
      return hex(frame) === hex(leaveOpen(each, frame)) ? frameOf(each) : frame;
    });
    expect(complete(damaged)).toEqual(damaged.map(hex));
  });

  it('of frames cut anywhere, and of any bytes, touch nothing outside', () => {
    const frames = fc
      .sample(fc.tuple(flow, fc.nat()), runs)
      .map(([each, cut]) => leaveOpen(each, frameOf(each)).subarray(0, 1 + (cut % frameOf(each).length)));
    const noise = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 100 }), runs);
    expect(complete([...frames, ...noise])).toHaveLength(2 * runs);
  });
});
