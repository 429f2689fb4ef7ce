// A valid document as Config: lists sorted by identity, addresses canonical, each port of a list a VIP of its own,
// policies joined. Everything here relies on schema and rules having passed. Pure.

import { compareAddresses, parseAddress, parsePrefix, parseScopedAddress } from '../model/address.ts';
import type { Backend } from '../model/backend.ts';
import type { Aggregate } from '../model/desired.ts';
import type { HealthCheck } from '../model/health-check.ts';
import type { PeerConfig, Policy, SpeakerConfig } from '../model/peer.ts';
import type { Plan } from '../model/plan.ts';
import { PrefixMap, prefixText } from '../model/prefix-map.ts';
import { localVipName, vipName } from '../model/vip.ts';
import type { Config, LocalVipConfig, NodeConfig, PoolConfig, RoutedVipConfig, TenantConfig, VipConfig } from './config.ts';
import { splitListen } from './node-rules.ts';
import type { Document, DocumentCheck, DocumentPeer, DocumentPool, DocumentTenant, DocumentVip } from './schema.ts';
import type { WrittenVip } from './written-vips.ts';

const defaultTimeoutMs = 500;

export interface Checked {
  readonly document: Document;
  readonly written: readonly WrittenVip[];
}

export interface Normalised {
  readonly document: Document;
  readonly config: Config;
}

/** What is the very same object in both documents is so in both results. */
export function normalise({ document, written }: Checked, before?: Normalised): Config {
  const plans = new Map<string, Plan>(Object.entries(document.plans).map(([name, plan]) => [name, { name, ...plan }]));
  const tenants = document.tenants.map(
    (tenant): TenantConfig => ({ name: tenant.name, plan: plans.get(tenant.plan ?? '') ?? null }),
  );
  const { vips, localVips } = before?.document.tenants === document.tenants ? before.config : allVipsOf(document, written);
  const knownPools = new Map(before?.config.pools.map((pool) => [pool.name, pool]));
  const pools = Object.entries(document.pools).map(([name, pool]) => {
    const known = before?.document.pools[name] === pool ? knownPools.get(name) : undefined;
    return known ?? poolOf(name, pool);
  });
  return {
    node: nodeOf(document),
    clusterSecret: document.cluster.secret ?? null,
    tenants: tenants.sort(byName),
    vips,
    localVips,
    pools: pools.sort(byName),
  };
}

function allVipsOf({ tenants }: Document, all: readonly WrittenVip[]): Pick<Config, 'vips' | 'localVips'> {
  const owners = tenants.map(ownerOf);
  const vips: VipConfig[] = [];
  const localVips: LocalVipConfig[] = [];
  for (const written of all) {
    const owner = owners[written.tenant];
    if (owner === undefined) continue;
    if (written.vip.mode === 'local') localVips.push(localVipOf(written, owner));
    else vips.push(...vipsOf(written, owner));
  }
  return { vips: vips.sort(byName), localVips: localVips.sort(byName) };
}

/** Code-unit order: the same on every machine, whatever its locale. */
function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** What the VIPs of a tenant have in common. */
interface Owner {
  readonly name: string;
  readonly policy: Policy;
  readonly aggregates: PrefixMap<Aggregate>;
}

function ownerOf(tenant: DocumentTenant): Owner {
  return { name: tenant.name, policy: policyOf(tenant), aggregates: aggregatesOf(tenant) };
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
function routedOf({ vip, prefix }: WrittenVip, { name, policy, aggregates }: Owner): Omit<RoutedVipConfig, 'name'> {
  return {
    prefix,
    tenant: name,
    policy: joinedPolicy(policy, policyOf(vip)),
    aggregate: aggregates.covering(prefix)[0] ?? null,
    isBlackhole: vip.blackhole,
  };
}

function vipsOf(written: WrittenVip, owner: Owner): readonly VipConfig[] {
  const { vip, prefix, ports: all } = written;
  const { protocol, pool } = vip;
  if (protocol === undefined || pool === undefined) return [];
  const { hash, encap, entropy, timeouts } = vip;
  const { tenant, policy, aggregate, isBlackhole } = routedOf(written, owner);
  // No object is copied with more keys added: that is a hundred times slower, and there may be ten thousand.
  return all.map((ports) => ({
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

function localVipOf(written: WrittenVip, owner: Owner): LocalVipConfig {
  const { vip, prefix } = written;
  const check = vip.healthCheck === undefined ? null : checkOf(vip.healthCheck);
  const address = parseAddress(vip.healthCheck?.address ?? '') ?? prefix.address;
  return {
    ...routedOf(written, owner),
    name: localVipName(prefix, vip.protocol ?? null),
    healthCheck: check === null ? null : { address, check },
  };
}

/** The narrower one wins. */
function joinedPolicy(common: Policy, own: Policy): Policy {
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

function poolOf(name: string, pool: DocumentPool): PoolConfig {
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
