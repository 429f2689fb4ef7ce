// BIRD's configuration for a plan. Pure.
//
// GRACEFUL_SHUTDOWN (RFC 8326) lowers a route's preference, which FRR does by itself and BIRD only when its filter says so.

import { type Addresses, routerAs, type Topology } from '../topology.ts';
import { asOf, type Family, familyOf, isIpv6, type RouterPeer, type RouterPlan } from './router.ts';

/** Protocol names of configured neighbours carry their place in the plan. */
export function birdProtocol(index: number): string {
  return `lb${index}`;
}

export function birdConfig(topology: Topology, plan: RouterPlan, logFile: string): string {
  const own = topology.router.fabric;
  return `log "${logFile}" all;
router id ${own.address};
timeformat protocol iso long ms;
protocol device { scan time 10; }
protocol kernel k4 { ipv4 { export where source = RTS_BGP; import none; }; merge paths yes limit 16; }
protocol kernel k6 { ipv6 { export where source = RTS_BGP; import none; }; merge paths yes limit 16; }
${plan.peers?.some(({ bfd }) => bfd !== undefined) ? 'protocol bfd { debug { events }; }' : ''}
${([4, 6] as const).map((family) => ownRoutes(plan, family) + importFilter(plan, family)).join('')}
template bgp balancer {
  local as ${routerAs};
  debug { states };
  passive ${plan.dials ? 'no' : 'yes'};
  hold time ${plan.holdTimeSec}; keepalive time ${Math.floor(plan.holdTimeSec / 3)};
  # A caller whose packets GTSM drops would else block its own next call for four minutes.
  startup hold time 4;
  connect retry time 1; error wait time 1, 4; connect delay time 1;
  direct;
}
${plan.peers === undefined ? anybody(own, plan) : plan.peers.map((peer, i) => neighbour(own, plan, peer, i)).join('')}`;
}

function ownRoutes({ announces }: RouterPlan, family: Family): string {
  const routes = announces.filter((prefix) => familyOf(prefix) === family).map((prefix) => ` route ${prefix} blackhole;`);
  return routes.length === 0 ? '' : `protocol static own${family} { ipv${family};${routes.join('')} }\n`;
}

function importFilter({ accepts }: RouterPlan, family: Family): string {
  const prefixes = accepts.filter((prefix) => familyOf(prefix) === family).map((prefix) => `${prefix}+`);
  if (prefixes.length === 0) return `filter vips${family} { reject; }\n`;
  return `filter vips${family} {
  if net ~ [ ${prefixes.join(', ')} ] then {
    if (65535, 0) ~ bgp_community then bgp_local_pref = 0;
    accept;
  }
  reject;
}
`;
}

function channel({ maxPrefixes }: RouterPlan, family: Family, isDual = false): string {
  return `ipv${family} { ${isDual && family === 4 ? 'extended next hop on; ' : ''}import filter vips${family}; export where source = RTS_STATIC; import limit ${maxPrefixes} action disable; };`;
}

function anybody({ address, address6 }: Addresses, plan: RouterPlan): string {
  const listener = (own: string, range: string, family: Family) => `protocol bgp from balancer {
  dynamic name "any${family}_";
  neighbor range ${range} external; local ${own};
  ${channel(plan, family)}
}
`;
  return listener(address, address.replace(/\d+$/, '0/24'), 4) + listener(address6, address6.replace(/\d+$/, '/64'), 6);
}

function neighbour(own: Addresses, plan: RouterPlan, peer: RouterPeer, index: number): string {
  const { address, password, ttlSecurity, bfd, isDual = false, role } = peer;
  const families = isDual ? ([4, 6] as const) : [familyOf(address)];
  return `protocol bgp ${birdProtocol(index)} from balancer {
  neighbor ${address} as ${asOf(peer)}; local ${isIpv6(address) ? own.address6 : own.address};
  ${password === undefined ? '' : `password ${JSON.stringify(password)};`}
  ${ttlSecurity === true ? 'ttl security on;' : ''}
  ${bfd === undefined ? '' : `bfd { interval ${bfd.intervalMs} ms; multiplier ${bfd.multiplier}; };`}
  ${role === undefined ? '' : `local role ${role};`}
  ${families.map((family) => channel(plan, family, isDual)).join('\n  ')}
}
`;
}
