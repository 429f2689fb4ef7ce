import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readIp } from '../../oracle/ip.ts';
import { readTransport } from '../../oracle/parse.ts';
import { isValid, onesSum } from '../../support/checksum.ts';
import { bytes } from '../../support/ip-packets.ts';
import { tcpFrame, udpFrame } from '../../support/packets.ts';
import { readPcap, writePcap } from '../../support/pcap.ts';

const addresses = fc.ipV4().filter((address) => /^[1-9]\d*(\.\d+){3}$/.test(address));
const ports = fc.nat({ max: 65535 });

/** Sum over the pseudo-header and the L4 part of a frame without options. */
function l4Sum(frame: Uint8Array): number {
  const l4 = frame.subarray(34);
  return onesSum(l4, onesSum(bytes(frame.subarray(26, 34), [0, frame[23] ?? 0, l4.length >> 8, l4.length & 0xff])));
}

describe('packet builders', () => {
  it('make frames with valid checksums that read back as they were asked for', () => {
    fc.assert(
      fc.property(addresses, addresses, ports, ports, fc.uint8Array(), (source, destination, from, to, payload) => {
        const ends = { from: `${source}:${from}`, to: `${destination}:${to}` };
        for (const frame of [tcpFrame({ ...ends, flags: 'S', payload }), udpFrame({ ...ends, payload })]) {
          const ip = readIp(frame);
          expect(ip).toMatchObject({ source, destination, lengthsAreSound: true });
          expect(isValid(frame.subarray(14, 34))).toBe(true);
          expect(l4Sum(frame)).toBe(0xffff);
          if (ip !== undefined) {
            expect(readTransport(frame, ip)).toMatchObject({ kind: 'flow', sourcePort: from, destinationPort: to });
          }
        }
      }),
    );
  });
});

describe('pcap files', () => {
  it('read back what was written', () => {
    const packets = fc.array(
      fc.record({ timeNs: fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }), bytes: fc.uint8Array() }),
    );
    fc.assert(
      fc.property(packets, (list) => {
        expect(readPcap(writePcap(list))).toEqual(list.map((each) => ({ ...each, wireLength: each.bytes.length })));
      }),
    );
  });

  it('refuse other forms and a cut-off end', () => {
    const file = writePcap([{ timeNs: 1n, bytes: bytes([1, 2, 3]) }]);
    expect(() => readPcap(file.slice(0, -1))).toThrow(/inside packet 1/);
    expect(() => readPcap(writePcap([], { isMicroseconds: true }))).toThrow(/nanosecond/);
    expect(() => readPcap(writePcap([], { isBigEndian: true }))).toThrow(/little-endian/);
  });
});
