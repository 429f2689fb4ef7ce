// Messages as real routers sent them to a bare TCP peer (AS 65010, 10.66.0.11, IPv4 and IPv6 unicast, 4-octet AS),
// captured from Debian 12's packages in network namespaces. The routers were AS 65000, 10.66.0.1; the all-ones marker of
// each message is left out here.

import type { Capability } from '../../../../src/bgp/capabilities.ts';
import type { Message } from '../../../../src/bgp/messages.ts';
import type { AsSegment } from '../../../../src/bgp/path-attributes.ts';

export interface Golden {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly message: Message;
  /** Our encoder gives the same bytes. Not so where the router chose other flags, parameters or another order. */
  readonly builds: boolean;
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const golden = (name: string, text: string, message: Message): Golden => ({
  name,
  bytes: hex('ff'.repeat(16) + text),
  message,
  builds: true,
});
const takenApart = (name: string, text: string, message: Message): Golden => ({ ...golden(name, text, message), builds: false });

const other = (code: number, value = ''): Capability => ({ kind: 'other', code, value: hex(value) });
const ipv4: Capability = { kind: 'multiprotocol', afi: 1, safi: 1 };
const ipv6: Capability = { kind: 'multiprotocol', afi: 2, safi: 1 };
const refresh: Capability = { kind: 'routeRefresh' };
const enhanced: Capability = { kind: 'enhancedRouteRefresh' };
const wideAs: Capability = { kind: 'fourOctetAs', as: 65000 };
const router = { kind: 'open', as: 65000, holdTimeSec: 9, routerId: '10.66.0.1' } as const;
const asPath: readonly AsSegment[] = [{ kind: 'sequence', ases: [65000] }];
const update = { kind: 'update', withdrawn: [], attributes: {}, announced: [], faults: [], discarded: [] } as const;
const mandatory = { origin: 'igp', asPath, nextHop: '10.66.0.1' } as const;
const tags = { communities: ['65000:100'], largeCommunities: ['65000:1:2'] } as const;
const lunch: Message = { kind: 'notification', code: 6, subcode: 2, data: hex('0f676f696e6720666f72206c756e6368') };

/** Debian's bird2 2.0.12-7. */
export const bird: readonly Golden[] = [
  golden(
    'OPEN with one parameter for all capabilities',
    '003b0104fde800090a4200011e021c01040001000101040002000102004002007841040000fde846004700',
    {
      ...router,
      capabilities: [
        ipv4,
        ipv6,
        refresh,
        { kind: 'gracefulRestart', flags: 0, restartTimeSec: 120, families: [] },
        wideAs,
        enhanced,
        other(71),
      ],
    },
  ),
  golden('KEEPALIVE', '001304', { kind: 'keepalive' }),
  golden('UPDATE with the mandatory attributes', '003102000000144001010040020602010000fde84003040a4200010020c6336407', {
    ...update,
    attributes: mandatory,
    announced: ['0.0.0.0/0', '198.51.100.7/32'],
  }),
  golden(
    'UPDATE with communities',
    '0045020000002a4001010040020602010000fde84003040a420001c00804fde80064c0200c0000fde8000000010000000218c00002',
    { ...update, attributes: { ...mandatory, ...tags }, announced: ['192.0.2.0/24'] },
  ),
  golden('End-of-RIB of IPv4', '00170200000000', update),
  takenApart(
    'UPDATE with an IPv6 route in an attribute of extended length',
    '0044020000002d900e001c00020110fd660000000000000000000000000001003020010db800014001010040020602010000fde8',
    {
      ...update,
      attributes: { reach: { family: 'ipv6', nextHops: ['fd66::1'], prefixes: ['2001:db8:1::/48'] }, origin: 'igp', asPath },
    },
  ),
  golden('End-of-RIB of IPv6', '001d0200000006800f03000201', {
    ...update,
    attributes: { unreach: { family: 'ipv6', prefixes: [] } },
  }),
  golden('UPDATE that withdraws a route', '001c02000520c63364070000', { ...update, withdrawn: ['198.51.100.7/32'] }),
  golden('NOTIFICATION of an administrative shutdown with a text', '00250306020f676f696e6720666f72206c756e6368', lunch),
];

/** Debian's frr 8.4.4-1.1~deb12u2. */
export const frr: readonly Golden[] = [
  takenApart(
    'OPEN with a parameter for each capability',
    '00710104fde800090a4200015402060104000100010206010400020001020280000202020002024600020641040000fde802020600020a450800010101000201010206490402766d0002044002c0780210470e0001018000000000020180000000',
    {
      ...router,
      capabilities: [
        ipv4,
        ipv6,
        other(128),
        refresh,
        enhanced,
        wideAs,
        { kind: 'extendedMessage' },
        other(69, '0001010100020101'),
        { kind: 'hostname', hostname: 'vm', domain: '' },
        { kind: 'gracefulRestart', flags: 0xc, restartTimeSec: 120, families: [] },
        other(71, '0001018000000000020180000000'),
      ],
    },
  ),
  takenApart(
    'UPDATE with an AS_PATH of extended length',
    '00520200000032400101005002000602010000fde84003040a42000180040400000032c00804fde80064c0200c0000fde8000000010000000218c0000220c6336407',
    { ...update, attributes: { ...mandatory, med: 50, ...tags }, announced: ['192.0.2.0/24', '198.51.100.7/32'] },
  ),
  takenApart(
    'UPDATE with an IPv6 route and a link-local next hop',
    '0072020000005b900e002c00020120fd660000000000000000000000000001fe80000000000000e8b0b3fffea8b8c9003020010db80001400101005002000602010000fde880040400000032c00804fde80064c0200c0000fde80000000100000002',
    {
      ...update,
      attributes: {
        reach: { family: 'ipv6', nextHops: ['fd66::1', 'fe80::e8b0:b3ff:fea8:b8c9'], prefixes: ['2001:db8:1::/48'] },
        origin: 'igp',
        asPath,
        med: 50,
        ...tags,
      },
    },
  ),
  golden('UPDATE that withdraws a route', '001c02000520c63364070000', { ...update, withdrawn: ['198.51.100.7/32'] }),
  golden('ROUTE-REFRESH', '00170500010001', { kind: 'routeRefresh', afi: 1, safi: 1, subtype: 0 }),
  golden('NOTIFICATION of an administrative shutdown with a text', '00250306020f676f696e6720666f72206c756e6368', lunch),
];
