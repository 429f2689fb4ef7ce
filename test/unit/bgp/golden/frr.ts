// Debian's frr 8.4.4-1.1~deb12u2.

import {
  asPath,
  enhanced,
  type Golden,
  golden,
  ipv4,
  ipv6,
  lunch,
  mandatory,
  other,
  refresh,
  router,
  tags,
  takenApart,
  update,
  wideAs,
} from './message.ts';

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
