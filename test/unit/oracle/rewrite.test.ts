import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readChain, readIp } from '../../oracle/ip.ts';
import { encapsulate, encapsulatePieces, type Outer } from '../../oracle/rewrite.ts';
import { isValid } from '../../support/checksum.ts';
import { ipPacket } from '../../support/ip-packets.ts';
import { ethernetFrame, nextHopMac, nodeMac } from '../../support/packets.ts';

const ends = { source: '198.51.100.7', destination: '203.0.113.10', protocol: 17 };
const outerOf = (encap: Outer['encap'], isV6: boolean): Outer => ({
  encap,
  source: isV6 ? '2001:db8:1::11' : '10.0.1.11',
  destination: isV6 ? '2001:db8:2::21' : '10.0.2.21',
  sourceMac: nodeMac,
  destinationMac: nextHopMac,
});
const ways = fc.constantFrom(outerOf('ipip', false), outerOf('ipip', true), outerOf('l2', false));
const overheads = new Map([
  ['ipip4', 20],
  ['ipip6', 40],
  ['l24', 0],
]);
const overheadOf = ({ encap, destination }: Outer): number => overheads.get(`${encap}${destination.includes(':') ? 6 : 4}`) ?? 0;

describe('pieces of an IPv4 packet', () => {
  it('fit, are whole, and put together again are the packet', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 2000 }),
        fc.integer({ min: 0, max: 10 }),
        fc.integer({ min: 68, max: 1500 }),
        fc.record({ fragmentOffset: fc.nat({ max: 1000 }), moreFragments: fc.boolean() }),
        ways,
        (payload, optionWords, mtu, words, outer) => {
          const options = new Uint8Array(optionWords * 4).fill(1);
          const frame = ethernetFrame(ipPacket({ ...ends, options, ...words }, payload));
          const ip = readIp(frame);
          const pieces = ip && encapsulatePieces(frame, ip, outer, mtu);
          const rebuilt = new Uint8Array(payload.length);
          let next = 0;
          for (const [i, piece] of (pieces ?? []).entries()) {
            const inner = piece.subarray(14 + overheadOf(outer));
            const read = readIp(ethernetFrame(inner));
            if (read === undefined) throw new Error('no packet inside');
            const { fragment, at } = readChain(ethernetFrame(inner), read);
            expect(inner.length).toBeLessThanOrEqual(mtu);
            expect(read).toMatchObject({ lengthsAreSound: true, totalBytes: inner.length, ttl: 63 });
            expect(isValid(inner.subarray(0, at))).toBe(true);
            expect((fragment.offset - words.fragmentOffset) * 8).toBe(next);
            const isLast = i === (pieces?.length ?? 0) - 1;
            expect(((inner[6] ?? 0) & 0x20) !== 0).toBe(!isLast || words.moreFragments);
            rebuilt.set(inner.subarray(at), next);
            next += inner.length - at;
          }
          expect(next).toBe(payload.length);
          expect(rebuilt).toEqual(payload);
        },
      ),
    );
  });

  it('do not exist where not even eight bytes fit', () => {
    const frame = ethernetFrame(ipPacket(ends, new Uint8Array(100)));
    const ip = readIp(frame);
    if (ip === undefined) throw new Error('no packet');
    expect(encapsulatePieces(frame, ip, outerOf('ipip', false), 27)).toBeUndefined();
    expect(encapsulatePieces(frame, ip, outerOf('ipip', false), 28)).toHaveLength(13);
  });
});

describe('an encapsulated packet', () => {
  it('has the packet inside but for the TTL and its checksum, whatever the families', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), fc.nat({ max: 255 }), ways, (payload, isV6, tos, outer) => {
        const inner = isV6 ? { source: '2001:db8:9::7', destination: '2001:db8::10', protocol: 17 } : ends;
        const frame = ethernetFrame(ipPacket({ ...inner, tos, ttl: 9 }, payload));
        const ip = readIp(frame);
        const sent = ip && encapsulate(frame, ip, outer);
        expect(sent?.slice(14 + overheadOf(outer))).toEqual(ipPacket({ ...inner, tos, ttl: 8 }, payload));
        const read = sent && readIp(sent);
        expect(read).toMatchObject({ tos, lengthsAreSound: true });
        if (outer.encap === 'ipip') expect(read).toMatchObject({ source: outer.source, destination: outer.destination, ttl: 64 });
      }),
    );
  });
});
