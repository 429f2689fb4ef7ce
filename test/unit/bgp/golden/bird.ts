// Debian's bird2 2.0.12-7.

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
