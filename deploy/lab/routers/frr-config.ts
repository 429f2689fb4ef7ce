// FRR's configuration for a plan: zebra, bgpd and, where a peer has BFD, bfdd. Pure.

import { routerAs, type Topology } from '../topology.ts';
import { asOf, type BfdTimes, type Family, familyOf, isIpv6, type RouterPeer, type RouterPlan } from './router.ts';

const families: readonly Family[] = [4, 6];

export function frrConfig(topology: Topology, plan: RouterPlan): string {
  const { address } = topology.router.fabric;
  return `hostname router
!
${bfdProfiles(plan)}${families.map((family) => prefixLists(plan, family)).join('')}route-map IN permit 10
 match ip address prefix-list VIPS4
route-map IN permit 20
 match ipv6 address prefix-list VIPS6
route-map OUT permit 10
 match ip address prefix-list OWN4
route-map OUT permit 20
 match ipv6 address prefix-list OWN6
!
router bgp ${routerAs}
 bgp router-id ${address}
 no bgp default ipv4-unicast
 no bgp network import-check
 bgp bestpath as-path multipath-relax
 timers bgp ${Math.floor(plan.holdTimeSec / 3)} ${plan.holdTimeSec}
${plan.peers === undefined ? anybody(topology) : plan.peers.map((peer) => neighbour(plan, peer)).join('')}${families
  .map((family) => addressFamily(plan, family))
  .join('')}`;
}

function profileOf({ intervalMs, multiplier }: BfdTimes): string {
  return `every${intervalMs}x${multiplier}`;
}

function bfdProfiles({ peers = [] }: RouterPlan): string {
  const profiles = new Map(peers.flatMap(({ bfd }) => (bfd === undefined ? [] : [[profileOf(bfd), bfd] as const])));
  if (profiles.size === 0) return '';
  const blocks = [...profiles].map(
    ([name, { intervalMs, multiplier }]) => ` profile ${name}
  detect-multiplier ${multiplier}
  receive-interval ${intervalMs}
  transmit-interval ${intervalMs}
 exit
`,
  );
  return `bfd\n${blocks.join('')}exit\n!\n`;
}

function prefixLists({ accepts, announces }: RouterPlan, family: Family): string {
  const word = family === 4 ? 'ip' : 'ipv6';
  const lines = (name: string, prefixes: readonly string[], inside: string) => {
    const own = prefixes.filter((prefix) => familyOf(prefix) === family);
    if (own.length === 0) return `${word} prefix-list ${name} seq 5 deny any\n`;
    return own.map((prefix, i) => `${word} prefix-list ${name} seq ${5 + i} permit ${prefix}${inside}\n`).join('');
  };
  return lines(`VIPS${family}`, accepts, ` le ${family === 4 ? 32 : 128}`) + lines(`OWN${family}`, announces, '');
}

const groups: Readonly<Record<Family, string>> = { 4: 'BALANCERS4', 6: 'BALANCERS6' };

function anybody({ router: { fabric } }: Topology): string {
  const listener = (family: Family, range: string) => ` neighbor ${groups[family]} peer-group
 neighbor ${groups[family]} remote-as external
 neighbor ${groups[family]} advertisement-interval 0
 bgp listen range ${range} peer-group ${groups[family]}
`;
  return listener(4, fabric.address.replace(/\d+$/, '0/24')) + listener(6, fabric.address6.replace(/\d+$/, '/64'));
}

function neighbour({ dials }: RouterPlan, peer: RouterPeer): string {
  const { address, password, ttlSecurity, bfd, isDual, role } = peer;
  const settings = [
    `remote-as ${asOf(peer)}`,
    'advertisement-interval 0',
    'timers connect 1',
    ...(dials ? [] : ['passive']),
    ...(password === undefined ? [] : [`password ${password}`]),
    ...(ttlSecurity === true ? ['ttl-security hops 1'] : []),
    ...(isDual === true ? ['capability extended-nexthop'] : []),
    ...(role === undefined ? [] : [`local-role ${role}`]),
    ...(bfd === undefined ? [] : [`bfd profile ${profileOf(bfd)}`]),
  ];
  return settings.map((setting) => ` neighbor ${address} ${setting}\n`).join('');
}

function addressFamily({ peers, maxPrefixes, announces }: RouterPlan, family: Family): string {
  const concerned = peers?.filter(({ address, isDual }) => isDual === true || familyOf(address) === family);
  const names = concerned?.map(({ address }) => address) ?? [groups[family]];
  const own = announces.filter((prefix) => isIpv6(prefix) === (family === 6));
  const lines = names.flatMap((name) =>
    ['activate', 'route-map IN in', 'route-map OUT out', `maximum-prefix ${maxPrefixes}`].map(
      (line) => `neighbor ${name} ${line}`,
    ),
  );
  return ` address-family ipv${family} unicast
${[...own.map((prefix) => `network ${prefix}`), ...lines, 'maximum-paths 16', 'maximum-paths ibgp 16'].map((line) => `  ${line}\n`).join('')} exit-address-family
`;
}
