// The engine af_packet takes copies: what the kernel would do with the same packets of VIPs it must be kept from, and from nothing
// else, for as long as the process lives, in either way that the kernel may be kept from them.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../deploy/lab/until.ts';
import { buildNative } from '../support/native-build.ts';
import { icmpFrame, macBytes } from '../support/packets.ts';
import { arrivalsUpToNow, hasTcx, ipip, isIcmpOf, makeRouter, tcp, toVip } from './support/kernel-beside.ts';
import { addIpv6, bed, build, endPrograms, FramePort, linkFront, remove, sh } from './support/packet-bed.ts';
import { bedDesired, type NodeEngine, PacketNode } from './support/packet-node-handle.ts';

const ethernet = { source: bed.clientMac, destination: bed.frontMac };
const packets = 50;

/** IP for the client alone: ARP and what hosts tell all of themselves is none of it. */
const isForClient = (frame: Uint8Array) =>
  (frame[12] === 0x86 || (frame[12] === 0x08 && frame[13] === 0)) &&
  Buffer.from(frame.subarray(0, 6)).equals(macBytes(bed.clientMac));
const isIcmpv6Of = (type: number) => (frame: Uint8Array) => frame[12] === 0x86 && frame[20] === 58 && frame[54] === type;
const echoReply = isIcmpOf(0);

/** To the host itself: its answer comes after all that the kernel had to say before. */
function echo(sequence = 1): Uint8Array {
  return icmpFrame({ from: bed.client, to: bed.front, type: 8, rest: Uint8Array.of(0, 9, 0, sequence), ethernet });
}

const ways: readonly (readonly [string, NodeEngine])[] = [
  ['a descriptor', 'af_packet'],
  ['a clsact filter', 'af_packet+clsact'],
];

describe.each(ways.filter(([, engine]) => hasTcx || engine !== 'af_packet'))(
  'beside af_packet, held off by %s, the kernel',
  (_words, engine) => {
    let node: PacketNode;
    let client: FramePort;
    let backend: FramePort;

    beforeAll(() => {
      buildNative('build/test/frame_port');
      buildNative('all');
      build();
      addIpv6();
      makeRouter();
    });

    beforeEach(async () => {
      node = await PacketNode.start({ workers: 2, engine });
      await node.load();
      client = await FramePort.open('client', 'eth0');
      backend = await FramePort.open('backend', 'eth0');
    });

    afterEach(async () => {
      await node.stop();
      await endPrograms();
    });

    afterAll(remove);

    /** What the client gets until the kernel has answered for the host. */
    async function answersTo(...frames: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
      client.send(...frames);
      await node.until(({ verdicts }) => (verdicts['forward'] ?? 0) >= frames.length);
      client.send(echo());
      return (await client.upTo(echoReply)).slice(0, -1).filter(isForClient);
    }

    /** What the backend gets of TCP, wrapped or as it came, until the engine and the kernel are both through. */
    async function arrivals(forwarded: number): Promise<readonly (number | undefined)[]> {
      if (forwarded > 0) await node.until(({ verdicts }) => (verdicts['forward'] ?? 0) >= forwarded);
      return arrivalsUpToNow(client, backend);
    }

    it('forwards nothing of a VIP a second time where it is a router, and all the rest', async () => {
      expect(sh('balancer', 'cat /proc/sys/net/ipv4/conf/front/forwarding')).toBe('1\n');
      expect((await node.totals()).devices).toEqual({ front: 'up', back: 'up' });
      const frames = Array.from({ length: packets }, (_, i) => toVip(bed.vip, 1024 + i));
      expect(await answersTo(...frames)).toEqual([]);
      expect(await arrivals(packets)).toEqual(Array.from({ length: packets }, () => ipip));
    });

    it('refuses nothing where a VIP is an address of the host, or a firewall rejects it', async () => {
      sh('balancer', `ip addr add ${bed.vip}/32 dev lo`);
      const table = 'table ip t { chain c { type filter hook prerouting priority -300; ip daddr 198.18.0.0/15 drop; }; }';
      sh('balancer', `nft '${table}'; nft add rule ip t c ip daddr ${bed.vip} counter reject`);
      expect(await answersTo(toVip())).toEqual([]);
      expect(sh('balancer', 'nft list table ip t')).toContain('counter packets 0 bytes 0');
      sh('balancer', `nft delete table ip t; ip addr del ${bed.vip}/32 dev lo`);
    });

    it('says nothing of an IPv6 VIP for want of a route, and answers neighbour discovery for it', async () => {
      await node.load(bedDesired([{ vip: `[${bed.vip6}]:80/tcp`, pool: 'web6' }]));
      expect((await answersTo(toVip(bed.vip6))).filter(isIcmpv6Of(1))).toEqual([]);
      sh('balancer', `ip addr add ${bed.vip6}/128 dev front nodad`);
      // A busy kernel takes a moment until it answers for a new address.
      const isAnswered = async (): Promise<boolean> => {
        client.send(solicitation());
        return client.take(isIcmpv6Of(136)) !== undefined;
      };
      await until(isAnswered, { what: 'a neighbour advertisement', timeoutMs: 5000 });
      sh('balancer', `ip addr del ${bed.vip6}/128 dev front`);
    });

    it('is kept from every address of a VIP that is a prefix, and from none beside it', async () => {
      await node.load(bedDesired(['203.0.113.128/25:80/tcp']));
      client.send(toVip('203.0.113.128'), toVip('203.0.113.255'), toVip('203.0.113.127'));
      expect([...(await arrivals(2))].toSorted((a = 0, b = 0) => a - b)).toEqual([ipip, ipip, tcp]);
    });

    it('has an address back when the document has it no more', async () => {
      await node.load(bedDesired(['203.0.113.20:80/tcp']));
      client.send(toVip());
      expect(await arrivals(0)).toEqual([tcp]);
      await node.load();
      client.send(toVip());
      expect(await arrivals(1)).toEqual([ipip]);
    });

    // A filter outlives its process for a while: af-packet-clsact.test.ts.
    if (engine === 'af_packet')
      it('has everything back when the balancer is killed', async () => {
        await node.kill();
        client.send(toVip());
        expect(await arrivals(0)).toEqual([tcp]);
      });

    it('is kept from VIPs by a device that vanished and came back, too', async () => {
      sh('balancer', 'ip link del front');
      await node.until(({ devices }) => devices['front'] === 'gone');
      linkFront();
      await node.until(({ devices }) => devices['front'] === 'up');
      client = await FramePort.open('client', 'eth0');
      client.send(toVip());
      expect(await arrivals(1)).toEqual([ipip]);
    });
  },
);

/** A neighbour solicitation sent to the VIP itself, as a router does to confirm what it knows (RFC 4861 7.3.3). */
function solicitation(): Uint8Array {
  const target = Buffer.from('20010db8020300000000000000000010', 'hex');
  const option = Buffer.from(`0101${bed.clientMac.replaceAll(':', '')}`, 'hex');
  return icmpFrame({
    from: bed.client6,
    to: bed.vip6,
    type: 135,
    body: Buffer.concat([target, option]),
    ip: { ttl: 255 },
    ethernet,
  });
}
