// Real HTTP through one balancer for what the demo has not: VIPs and backends of either family in any pairing, prefixes,
// and packets that keep their own frames.
//
// Bodies go both ways, since large ones show what small requests hide: a packet too long for the way, a wrong checksum.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, remains, tearDown } from '../../deploy/lab/lab.ts';
import { builtFile } from '../../deploy/lab/programs.ts';
import { waitForNextHops } from '../../deploy/lab/routers/kernel-routes.ts';
import { isIpv6 } from '../../deploy/lab/routers/router.ts';
import { run } from '../../deploy/lab/shell.ts';
import type { Segment } from '../../deploy/lab/topology.ts';
import { Traffic } from '../../deploy/lab/traffic/traffic.ts';
import type { TransferReport } from '../../deploy/lab/traffic/transfer.ts';
import { type FamilyVip, familyDocuments, labVip } from './support/families.ts';
import { labEngine } from './support/lab.ts';

const isRoot = process.getuid?.() === 0;
const name = 'torii-test-families';
const transferBytes = 300_000;

const wrapped: readonly FamilyVip[] = [
  { what: 'to an IPv6 VIP with IPv6 backends', pool: 'six-six', address: '2001:db8:cafe::10', backends: 'address6' },
  { what: 'to an IPv6 VIP with IPv4 backends', pool: 'six-four', address: '2001:db8:cafe::20', backends: 'address' },
  { what: 'to an IPv4 VIP with IPv6 backends', pool: 'four-six', address: '203.0.113.30', backends: 'address6' },
].map((vip) => ({ ...vip, asked: vip.address }) as FamilyVip);

const prefixes: readonly FamilyVip[] = [
  { what: 'inside an IPv4 prefix', pool: 'four-net', address: '203.0.113.128/28', asked: '203.0.113.133', backends: 'address' },
  {
    what: 'inside an IPv6 prefix',
    pool: 'six-net',
    address: '2001:db8:cafe:0:1::/80',
    asked: '2001:db8:cafe:0:1::7',
    backends: 'address6',
  },
];

const unwrapped: readonly FamilyVip[] = [
  { what: 'to an IPv4 VIP in frames of its own', pool: 'four-l2', address: '203.0.113.40', backends: 'address' },
  { what: 'to an IPv6 VIP in frames of its own', pool: 'six-l2', address: '2001:db8:cafe::40', backends: 'address6' },
].map((vip) => ({ ...vip, asked: vip.address, encap: 'l2' }) as FamilyVip);

const beds: readonly (readonly [string, Segment, readonly FamilyVip[]])[] = [
  ['behind a router', 'rack', [...wrapped, ...prefixes]],
  ['on the balancer’s own segment', 'fabric', unwrapped],
];

describe.skipIf(!isRoot).each(beds)('with backends %s', (_what, backendsOn, vips) => {
  let lab: Lab;

  beforeAll(async () => {
    const options = { name, balancers: 1, backends: 2, engine: labEngine, backendsOn };
    lab = await Lab.build(options, { documents: familyDocuments(vips) });
    await Promise.all([...lab.backends, ...lab.balancers].map((node) => node.start()));
    const namespace = lab.topology.namespaces.router;
    for (const { address } of vips) await waitForNextHops({ namespace, route: address, count: 1, timeoutMs: 30_000 });
  });

  afterAll(async () => {
    await tearDown(name);
    expect(remains(name)).toEqual([]);
  });

  it.each(vips.map((vip) => [vip.what, vip] as const))('HTTP %s arrives, the client’s own address with it', async (_vip, vip) => {
    const traffic = Traffic.start(lab, { vip: labVip(vip), mode: { kind: 'fresh', perSec: 50 }, durationMs: 400 });
    const results = await traffic.ended();
    expect(results.length).toBeGreaterThan(10);
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
    for (const { clientAddress, clientAddressSeen, vipSeen } of results) {
      expect(clientAddressSeen).toBe(clientAddress);
      expect(vipSeen).toBe(`${vip.asked}:80`);
    }
    expect(new Set(results.map(({ clientAddress }) => isIpv6(clientAddress)))).toEqual(new Set([isIpv6(vip.asked)]));
    expect(new Set(results.map(({ backend }) => backend)).size).toBe(2);
  });

  it.each(vips.map((vip) => [vip.what, vip] as const))('large bodies %s arrive whole both ways', async (_vip, { asked }) => {
    const argv = [process.execPath, builtFile('deploy/lab/traffic/transfer.js'), asked, '80', `${transferBytes}`];
    const report = await run(argv, { namespace: lab.topology.namespaces.client, timeoutMs: 45_000 });
    expect(JSON.parse(report) as TransferReport).toMatchObject({
      arrivedBytes: transferBytes,
      isUploadIntact: true,
      receivedBytes: transferBytes,
      isDownloadIntact: true,
    });
  });

  it('every packet of all that left with the outer header of its backend’s family, or with none', async () => {
    const perPacket = async () => {
      const views = (await lab.balancers[0]?.read('vips')) ?? [];
      return Object.fromEntries(
        views.map(({ pool, traffic: { packets, bytesIn, bytesOut } }) => [pool, (bytesOut - bytesIn) / packets]),
      );
    };
    const outerBytes = ({ backends, encap }: FamilyVip) => (encap === 'l2' ? 0 : backends === 'address6' ? 40 : 20);
    // Counters may be read in the middle of a burst.
    await expect.poll(perPacket).toEqual(Object.fromEntries(vips.map((vip) => [vip.pool, outerBytes(vip)])));
  });
});
