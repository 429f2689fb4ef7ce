import { describe, expect, it } from 'vitest';
import { ipPacket } from '../../support/ip-packets.ts';
import { ethernetFrame, tcpPacket, udpPacket } from '../../support/packets.ts';
import { faultOf } from '../../support/whole-packets.ts';

const ends4 = { from: '198.51.100.7:40000', to: '203.0.113.10:80' };
const ends6 = { from: '[2001:db8::7]:40000', to: '[2001:db8::10]:80' };
const mtu = 1500;

/** All four pairs of families, TCP and UDP, behind an outer header and Ethernet's. */
const frames = [ends4, ends6].flatMap((ends) =>
  [tcpPacket(ends), udpPacket(ends)].flatMap((inner) =>
    [
      { source: '10.0.1.11', destination: '10.0.2.21' },
      { source: '2001:db8:1::11', destination: '2001:db8:2::21' },
    ].map((outer) => {
      const packet = ipPacket({ ...outer, protocol: ends === ends4 ? 4 : 41 }, inner);
      return ethernetFrame(packet, { etherType: outer.source.includes(':') ? 0x86dd : 0x0800 });
    }),
  ),
);

describe('faultOf', () => {
  it('finds nothing wrong with whole packets', () => {
    expect(frames.length).toBe(8);
    expect(frames.map((frame) => faultOf(frame, mtu))).toEqual(frames.map(() => null));
  });

  it('sees one byte more, one less, and more than the MTU', () => {
    for (const frame of frames) {
      const padded = new Uint8Array(frame.length + 50);
      padded.set(frame);
      expect(faultOf(padded, mtu)).toMatch(/length/);
      expect(faultOf(frame.subarray(0, -1), mtu)).toMatch(/length/);
      expect(faultOf(frame, frame.length - 14 - 1)).toMatch(/more than/);
    }
  });

  it('sees a bit that changed in what a checksum covers', () => {
    for (const frame of frames) {
      const broken = Uint8Array.from(frame);
      broken[broken.length - 1] = (broken[broken.length - 1] ?? 0) ^ 1;
      expect(faultOf(broken, mtu)).toMatch(/checksum/);
    }
  });
});
