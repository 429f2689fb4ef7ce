// GoBGP's configuration for a plan, as the object that its JSON configuration file holds. Pure.
//
// GoBGP has no passive waiting for whatever AS calls: neighbours nobody configured must be of the balancers' AS. Like
// BIRD it honours GRACEFUL_SHUTDOWN (RFC 8326) only because a policy says so.

import { type Addresses, balancerAs, routerAs, type Topology } from '../topology.ts';
import { asOf, type Family, familyOf, isIpv6, type RouterPeer, type RouterPlan } from './router.ts';

const families: readonly Family[] = [4, 6];

export function gobgpConfig(topology: Topology, plan: RouterPlan): object {
  const own = topology.router.fabric;
  const dynamic = plan.peers === undefined;
  return {
    global: {
      config: { as: routerAs, 'router-id': own.address, port: 179, 'local-address-list': [own.address, own.address6] },
      'use-multiple-paths': { config: { enabled: true } },
      'apply-policy': {
        config: {
          'import-policy-list': ['balancers'],
          'default-import-policy': 'reject-route',
          'export-policy-list': ['own'],
          'default-export-policy': 'reject-route',
        },
      },
    },
    ...(dynamic ? anybody(plan, own) : {}),
    neighbors: (plan.peers ?? []).map((peer) => neighbour(plan, own, peer)),
    'defined-sets': {
      'prefix-sets': [...prefixSets('vips', plan.accepts, true), ...prefixSets('own', plan.announces, false)],
      'bgp-defined-sets': {
        'community-sets': [{ 'community-set-name': 'graceful-shutdown', 'community-list': ['65535:0'] }],
      },
    },
    'policy-definitions': [
      { name: 'balancers', statements: [lowerLeaving, ...accepting('vips', plan.accepts)] },
      { name: 'own', statements: accepting('own', plan.announces) },
    ],
  };
}

const lowerLeaving = {
  name: 'leaving',
  conditions: { 'bgp-conditions': { 'match-community-set': { 'community-set': 'graceful-shutdown' } } },
  actions: { 'bgp-actions': { 'set-local-pref': 0 } },
};

/** Sets of one family each: GoBGP refuses mixed ones. */
function prefixSets(name: string, prefixes: readonly string[], withInside: boolean): readonly object[] {
  return familiesOf(prefixes).map((family) => ({
    'prefix-set-name': `${name}${family}`,
    'prefix-list': prefixes
      .filter((prefix) => familyOf(prefix) === family)
      .map((prefix) => ({
        'ip-prefix': prefix,
        ...(withInside ? { 'masklength-range': `${prefix.split('/')[1]}..${family === 4 ? 32 : 128}` } : {}),
      })),
  }));
}

function accepting(name: string, prefixes: readonly string[]): readonly object[] {
  return familiesOf(prefixes).map((family) => ({
    name: `${name}${family}`,
    conditions: { 'match-prefix-set': { 'prefix-set': `${name}${family}` } },
    actions: { 'route-disposition': 'accept-route' },
  }));
}

function familiesOf(prefixes: readonly string[]): readonly Family[] {
  return families.filter((family) => prefixes.some((prefix) => familyOf(prefix) === family));
}

function sessionSettings({ holdTimeSec, dials, maxPrefixes }: RouterPlan, sessionFamilies: readonly Family[]) {
  return {
    timers: {
      config: {
        'hold-time': holdTimeSec,
        'keepalive-interval': Math.floor(holdTimeSec / 3),
        'connect-retry': 5,
        'idle-hold-time-after-reset': 1,
      },
    },
    transport: { config: { 'passive-mode': !dials } },
    'afi-safis': sessionFamilies.map((family) => ({
      config: { 'afi-safi-name': `ipv${family}-unicast` },
      'prefix-limit': { config: { 'max-prefixes': maxPrefixes } },
    })),
  };
}

function anybody(plan: RouterPlan, { address, address6 }: Addresses): object {
  return {
    'peer-groups': families.map((family) => ({
      config: { 'peer-group-name': `balancers${family}`, 'peer-as': balancerAs },
      ...sessionSettings(plan, [family]),
    })),
    'dynamic-neighbors': [
      { config: { prefix: address.replace(/\d+$/, '0/24'), 'peer-group': 'balancers4' } },
      { config: { prefix: address6.replace(/\d+$/, '/64'), 'peer-group': 'balancers6' } },
    ],
  };
}

function neighbour(plan: RouterPlan, own: Addresses, peer: RouterPeer): object {
  const { address, password, ttlSecurity, isDual } = peer;
  const settings = sessionSettings(plan, isDual === true ? families : [familyOf(address)]);
  return {
    config: {
      'neighbor-address': address,
      'peer-as': asOf(peer),
      ...(password === undefined ? {} : { 'auth-password': password }),
    },
    ...settings,
    transport: { config: { ...settings.transport.config, 'local-address': isIpv6(address) ? own.address6 : own.address } },
    ...(ttlSecurity === true ? { 'ttl-security': { config: { enabled: true, 'ttl-min': 255 } } } : {}),
  };
}
