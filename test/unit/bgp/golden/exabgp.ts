// Debian's exabgp 4.2.21-1.1, speaking first.

import {
  asPath,
  enhanced,
  type Golden,
  golden,
  ipv4,
  ipv6,
  mandatory,
  refresh,
  router,
  tags,
  takenApart,
  update,
  wideAs,
} from './message.ts';

export const exabgp: readonly Golden[] = [
  takenApart(
    'OPEN with a parameter for each capability',
    '004f0104fde800090a4200013202060104000100010206010400020001020641040000fde8020c400a80780001018000020180020202000202460002020600',
    {
      ...router,
      capabilities: [
        ipv4,
        ipv6,
        wideAs,
        {
          kind: 'gracefulRestart',
          flags: 0x8,
          restartTimeSec: 120,
          families: [
            { afi: 1, safi: 1, flags: 0x80 },
            { afi: 2, safi: 1, flags: 0x80 },
          ],
        },
        refresh,
        enhanced,
        { kind: 'extendedMessage' },
      ],
    },
  ),
  golden('UPDATE with a default route', '002c02000000144001010040020602010000fde84003040a42000100', {
    ...update,
    attributes: mandatory,
    announced: ['0.0.0.0/0'],
  }),
  golden('End-of-RIB of IPv4', '00170200000000', update),
  takenApart('End-of-RIB of IPv6, its length in two bytes', '001e0200000007900f0003000201', {
    ...update,
    attributes: { unreach: { family: 'ipv6', prefixes: [] } },
  }),
  golden(
    'UPDATE with communities and a MED',
    '004d02000000314001010040020602010000fde84003040a42000180040400000032c00804fde80064c0200c0000fde8000000010000000220c6336407',
    { ...update, attributes: { ...mandatory, med: 50, ...tags }, announced: ['198.51.100.7/32'] },
  ),
  takenApart(
    'UPDATE with an IPv6 route after the other attributes',
    '0051020000003a4001010040020602010000fde880040400000032c00804fde80064800e1c00020110fd660000000000000000000000000001003020010db80001',
    {
      ...update,
      attributes: {
        origin: 'igp',
        asPath,
        med: 50,
        communities: tags.communities,
        reach: { family: 'ipv6', nextHops: ['fd66::1'], prefixes: ['2001:db8:1::/48'] },
      },
    },
  ),
  takenApart(
    'UPDATE that withdraws an IPv6 route and has the attributes of one that is announced',
    '0031020000001a4001010040020602010000fde8800f0a0002013020010db80001',
    { ...update, attributes: { origin: 'igp', asPath, unreach: { family: 'ipv6', prefixes: ['2001:db8:1::/48'] } } },
  ),
  golden('ROUTE-REFRESH', '00170500010001', { kind: 'routeRefresh', afi: 1, safi: 1, subtype: 0 }),
];
