// A valid document as Config: lists sorted by identity, addresses canonical, each port of a list a VIP of its own,
// policies joined. Everything here relies on schema and rules having passed. Pure.

import { compareAddresses, type Prefix, parseAddress, parsePrefix, parseScopedAddress } from '../model/address.ts';
import type { Backend } from '../model/backend.ts';
import type { Aggregate } from '../model/desired.ts';
import type { HealthCheck } from '../model/health-check.ts';
import type { PeerConfig, Policy, SpeakerConfig } from '../model/peer.ts';
import type { Plan } from '../model/plan.ts';
import { PrefixMap, prefixText } from '../model/prefix-map.ts';
import { anyPort, localVipName, type PortRange, parsePorts, vipName } from '../model/vip.ts';
import type { Config, LocalVipConfig, NodeConfig, PoolConfig, RoutedVipConfig, TenantConfig, VipConfig } from './config.ts';
import { splitListen } from './node-rules.ts';
import type { Document, DocumentCheck, DocumentPeer, DocumentPool, DocumentTenant, DocumentVip } from './schema.ts';

const defaultTimeoutMs = 500;

export function normalise(document: Document): Config {
  const plans = new Map<string, Plan>(Object.entries(document.plans).map(([name, plan]) => [name, { name, ...plan }]));
  const tenants = document.tenants.map(
    (tenant): TenantConfig => ({ name: tenant.name, plan: plans.get(tenant.plan ?? '') ?? null }),
  );
  const places = document.tenants.flatMap((tenant) => {
    const aggregates = aggregatesOf(tenant);
    return tenant.vips.map((vip): VipPlace => ({ tenant, vip, aggregates }));
  });
  return {
    node: nodeOf(document),
    clusterSecret: document.cluster.secret ?? null,
    tenants: tenants.sort(byName),
    vips: places.flatMap(vipsOf).sort(byName),
    localVips: places.flatMap(localVipOf).sort(byName),
    pools: Object.entries(document.pools).map(poolOf).sort(byName),
  };
}

/** Code-unit order: the same on every machine, whatever its locale. */
function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** The VIP's port ranges in the order written. */
export function portsOf(vip: DocumentVip): readonly PortRange[] {
  return (
    vip.ports?.map((entry) => (typeof entry === 'number' ? { first: entry, last: entry } : (parsePorts(entry) ?? anyPort))) ?? [
      anyPort,
    ]
  );
}

interface VipPlace {
  readonly tenant: DocumentTenant;
  readonly vip: DocumentVip;
  readonly aggregates: PrefixMap<Aggregate>;
}

function aggregatesOf(tenant: DocumentTenant): PrefixMap<Aggregate> {
  const aggregates = new PrefixMap<Aggregate>();
  for (const text of tenant.announce ?? []) {
    const prefix = parsePrefix(text);
    if (prefix !== undefined) aggregates.set(prefix, { prefix: prefixText(prefix), policy: policyOf(tenant) });
  }
  return aggregates;
}

/** What VIPs of both modes have, but for the name. */
function routedOf({ tenant, vip, aggregates }: VipPlace, prefix: Prefix): Omit<RoutedVipConfig, 'name'> {
  return {
    prefix,
    tenant: tenant.name,
    policy: joinedPolicy(tenant, vip),
    aggregate: aggregates.covering(prefix)[0] ?? null,
    isBlackhole: vip.blackhole,
  };
}

function vipsOf(place: VipPlace): readonly VipConfig[] {
  const { vip } = place;
  const prefix = parsePrefix(vip.address);
  const { mode, protocol, pool } = vip;
  if (mode !== 'forward' || prefix === undefined || protocol === undefined || pool === undefined) return [];
  const { hash, encap, entropy, timeouts } = vip;
  const { tenant, policy, aggregate, isBlackhole } = routedOf(place, prefix);
  // No object is copied with more keys added: that is a hundred times slower, and there may be ten thousand.
  return portsOf(vip).map((ports) => ({
    name: vipName(prefix, ports, protocol),
    prefix,
    tenant,
    policy,
    aggregate,
    isBlackhole,
    protocol,
    ports,
    pool,
    hash,
    encap,
    entropy,
    timeouts,
  }));
}

function localVipOf(place: VipPlace): readonly LocalVipConfig[] {
  const { vip } = place;
  const prefix = parsePrefix(vip.address);
  if (vip.mode !== 'local' || prefix === undefined) return [];
  const check = vip.healthCheck === undefined ? null : checkOf(vip.healthCheck);
  const address = parseAddress(vip.healthCheck?.address ?? '') ?? prefix.address;
  return [
    {
      ...routedOf(place, prefix),
      name: localVipName(prefix, vip.protocol ?? null),
      healthCheck: check === null ? null : { address, check },
    },
  ];
}

function joinedPolicy(tenant: DocumentTenant, vip: DocumentVip): Policy {
  const [common, own] = [policyOf(tenant), policyOf(vip)];
  return own === noPolicy ? common : common === noPolicy ? own : { ...common, ...own };
}

const noPolicy: Policy = {};

function policyOf(keys: DocumentVip | DocumentTenant | DocumentPeer): Policy {
  const { communities, largeCommunities, med, localPref, prepend } = keys;
  if ((communities ?? largeCommunities ?? med ?? localPref ?? prepend) === undefined) return noPolicy;
  return {
    ...(communities === undefined ? {} : { communities }),
    ...(largeCommunities === undefined ? {} : { largeCommunities }),
    ...(med === undefined ? {} : { med }),
    ...(localPref === undefined ? {} : { localPref }),
    ...(prepend === undefined ? {} : { prepend }),
  };
}

function poolOf([name, pool]: [string, DocumentPool]): PoolConfig {
  const backends = pool.backends.map(({ address: text, weight, state, mtu }): Backend => {
    const address = parseAddress(text) ?? text;
    return mtu === undefined ? { address, weight, state } : { address, weight, state, mtuBytes: mtu };
  });
  const { tableSize, onAllDown, minHealthy, healthCheck } = pool;
  return {
    name,
    tableSize,
    onAllDown,
    minHealthy,
    backends: backends.sort((a, b) => compareAddresses(a.address, b.address)),
    healthCheck: healthCheck === undefined ? null : checkOf(healthCheck),
  };
}

function checkOf(check: DocumentCheck): HealthCheck | null {
  const { intervalMs, timeoutMs = Math.min(defaultTimeoutMs, intervalMs), rise, fall } = check;
  const timing = { intervalMs, timeoutMs, rise, fall };
  if (check.type === 'tcp') return { kind: 'tcp', port: check.port, ...timing };
  return check.type === 'http' ? { kind: 'http', port: check.port, path: check.path, ...timing } : null;
}

function nodeOf({ node }: Document): NodeConfig {
  return {
    address: parseAddress(node.address ?? '') ?? null,
    address6: parseAddress(node.address6 ?? '') ?? null,
    devices: node.devices,
    speaker: speakerOf(node),
    peerPasswords: (node.bgp?.peers ?? []).flatMap(({ address, password }, index) =>
      password === undefined ? [] : [{ peer: parseScopedAddress(address) ?? address, index, ref: password }],
    ),
    flowTableEntries: node.flowTable.entries,
    flowRecords: node.flows.records,
    answers: node.answers,
    entropy: {
      prefix: parsePrefix(node.entropy?.prefix ?? '') ?? null,
      prefix6: parsePrefix(node.entropy?.prefix6 ?? '') ?? null,
    },
    api: { socket: node.api.socket, listen: splitListen(node.api.listen) },
    logs: node.logs,
  };
}

function speakerOf({ bgp, address, address6 }: Document['node']): SpeakerConfig | null {
  if (bgp === undefined) return null;
  return {
    ...(bgp.speaker === 'exabgp' ? { implementation: bgp.speaker } : {}),
    localAs: bgp.localAs,
    routerId: bgp.routerId ?? address ?? '',
    ...(address === undefined ? {} : { nextHop4: address }),
    ...(address6 === undefined ? {} : { nextHop6: parseAddress(address6) ?? address6 }),
    ...(bgp.listen === undefined ? {} : { listen: listenOf(bgp.listen) }),
    drainSec: bgp.drainSec,
    peers: bgp.peers.map(peerOf),
  };
}

function listenOf({ address, port }: { readonly address: string; readonly port: number }): NonNullable<SpeakerConfig['listen']> {
  return { address: parseScopedAddress(address) ?? address, port };
}

function peerOf(peer: DocumentPeer): PeerConfig {
  const { port, as, passive, holdTimeSec, connectRetrySec, bfd, localAddress, ttlSecurity, multihop, families, role, accept } =
    peer;
  return {
    address: parseScopedAddress(peer.address) ?? peer.address,
    port,
    as,
    passive,
    holdTimeSec,
    connectRetrySec,
    ...(bfd === undefined ? {} : { bfd }),
    ...(localAddress === undefined ? {} : { localAddress: parseScopedAddress(localAddress) ?? localAddress }),
    ...(ttlSecurity === undefined ? {} : { ttlSecurity }),
    ...(multihop === undefined ? {} : { multihop }),
    ...(families === undefined ? {} : { families }),
    ...(role === undefined ? {} : { role }),
    ...(accept === undefined ? {} : { accept }),
    policy: policyOf(peer),
  };
}
