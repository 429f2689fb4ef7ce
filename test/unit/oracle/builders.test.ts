import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskAddress, parseAddress } from '../../../src/model/address.ts';
import { entropySource, isEntropySource } from '../../oracle/entropy.ts';
import { readIp } from '../../oracle/ip.ts';
import { readTransport } from '../../oracle/parse.ts';
import { isValid, onesSum } from '../../support/checksum.ts';
import { bytes, extensions, fragmentHeader, options6, routingHeader } from '../../support/ip-packets.ts';
import { tcpFrame, udpFrame } from '../../support/packets.ts';
import { readPcap, writePcap } from '../../support/pcap.ts';
import { Random } from '../../support/random.ts';

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

const words = fc.array(fc.nat({ max: 0xffff }), { minLength: 7, maxLength: 7 });
const extension = fc.oneof(
  fc.constantFrom(8, 16, 24).map((length) => options6(extensions.destination, length)),
  fc.constant(options6(extensions.hopByHop)),
  fc.constant(routingHeader(0, 2)),
  fc.nat().map((id) => fragmentHeader({ id, more: true })),
);

describe('IPv6 packet builders', () => {
  it('make frames with valid checksums that read back behind up to six extension headers', () => {
    fc.assert(
      fc.property(words, words, ports, ports, fc.array(extension, { maxLength: 6 }), (a, b, from, to, chain) => {
        const [source, destination] = [a, b].map(
          (each) => parseAddress(`2001:${each.map((n) => n.toString(16)).join(':')}`) ?? '',
        );
        const frame = tcpFrame({ from: `[${source}]:${from}`, to: `[${destination}]:${to}`, ip: { chain } });
        const ip = readIp(frame);
        expect(ip).toMatchObject({ family: 6, source, destination, lengthsAreSound: true });
        const l4 = frame.subarray(frame.length - 20);
        expect(isValid(l4, onesSum(bytes(frame.subarray(22, 54), [0, 6, 0, 20])))).toBe(true);
        if (ip !== undefined)
          expect(readTransport(frame, ip)).toMatchObject({ kind: 'flow', sourcePort: from, destinationPort: to });
      }),
    );
  });
});

describe('outer sources of the entropy prefix', () => {
  it('lie in the prefix and differ from flow to flow, in every family and length', () => {
    const lengths = fc.tuple(fc.integer({ min: 8, max: 28 }), fc.integer({ min: 32, max: 124 }));
    fc.assert(
      fc.property(lengths, fc.nat(), ([length, length6], seed) => {
        const random = new Random(seed);
        const entropy = {
          prefix: { address: maskAddress('192.0.2.0', length), length },
          prefix6: { address: maskAddress('2001:db8:e::', length6), length: length6 },
        };
        for (const backend of ['10.0.2.21', '2001:db8:2::21']) {
          const fingerprints = Array.from({ length: 64 }, () => (BigInt(random.uint32()) << 32n) | BigInt(random.uint32()));
          const sources = fingerprints.map((fingerprint) => entropySource(entropy, backend, fingerprint) ?? '');
          expect(sources.every((source) => isEntropySource(entropy, source))).toBe(true);
          expect(new Set(sources).size).toBeGreaterThan(8);
        }
      }),
      { numRuns: 20 },
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
