// Debian's gobgpd 3.10.0-1+b4.

import {
  asPath,
  type Golden,
  golden,
  ipv4,
  ipv6,
  lunch,
  mandatory,
  refresh,
  router,
  tags,
  takenApart,
  update,
  wideAs,
} from './message.ts';

export const gobgp: readonly Golden[] = [
  takenApart(
    'OPEN with one parameter for all capabilities',
    '00410104fde800090a4200012402220200490402766d0001040001000101040002000141040000fde80506000100010002',
    {
      ...router,
      capabilities: [
        refresh,
        { kind: 'hostname', hostname: 'vm', domain: '' },
        ipv4,
        ipv6,
        wideAs,
        { kind: 'extendedNextHop', encodings: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
      ],
    },
  ),
  golden('KEEPALIVE', '001304', { kind: 'keepalive' }),
  golden('UPDATE with a default route', '002c02000000144001010240020602010000fde84003040a42000100', {
    ...update,
    attributes: { ...mandatory, origin: 'incomplete' },
    announced: ['0.0.0.0/0'],
  }),
  golden(
    'UPDATE with communities and a MED',
    '004d02000000314001010240020602010000fde84003040a42000180040400000032c00804fde80064c0200c0000fde8000000010000000220c6336407',
    {
      ...update,
      attributes: { ...mandatory, origin: 'incomplete', med: 50, ...tags },
      announced: ['198.51.100.7/32'],
    },
  ),
  takenApart(
    'UPDATE with an IPv6 route by way of an IPv4 one, after the other attributes',
    '0051020000003a4001010240020602010000fde880040400000032c00804fde80064800e1c0002011000000000000000000000ffff0a420001003020010db80001',
    {
      ...update,
      attributes: {
        origin: 'incomplete',
        asPath,
        med: 50,
        communities: tags.communities,
        reach: { family: 'ipv6', nextHops: ['::ffff:a42:1'], prefixes: ['2001:db8:1::/48'] },
      },
    },
  ),
  golden('UPDATE that withdraws a route', '001c02000520c63364070000', { ...update, withdrawn: ['198.51.100.7/32'] }),
  golden('UPDATE that withdraws an IPv6 route', '0024020000000d800f0a0002013020010db80001', {
    ...update,
    attributes: { unreach: { family: 'ipv6', prefixes: ['2001:db8:1::/48'] } },
  }),
  golden('NOTIFICATION of an administrative shutdown with a text', '00250306020f676f696e6720666f72206c756e6368', lunch),
];
