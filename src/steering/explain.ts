// Where a flow would go now, and why: the packet path's decision told step by step. Pure; touches no state.
//
// Follows the order of native/core/steer.h for a packet of the middle of the flow (no SYN), so that admission is named but not
// judged. What is live (the flow's entry, the slots) comes in as functions.

import { addressBytes, familyOf, isHostPrefix, maskAddress } from '../model/address.ts';
import type { Desired, DesiredBackend, DesiredPool, DesiredVip, RoutedVip } from '../model/desired.ts';
import { type Flow, flowText } from '../model/flow.ts';
import type { ExplainStep, ExplainView } from '../model/views.ts';
import { protocolNumber } from './destination-index.ts';
import { type LearnedMtu, type Say, sayFragments, sayWay } from './explain-way.ts';
import { expandFlowKey, type FlowHash, type FlowKey, flowHash, slotHash, type Tuple } from './flow-hash.ts';
import { fragmentSpeaker } from './fragment-speaker.ts';
import { type Profile, profileOf } from './timeout-profiles.ts';

export interface FlowEntry {
  readonly worker: number;
  readonly state: 'probation' | 'established' | 'fin';
  readonly idleMs: number;
  readonly backendIndex: number;
  readonly backendGeneration: number;
  /** Number of the timeouts under which it was last seen; a document that changes them holds from the flow's next packet on. */
  readonly profile: number;
}

export interface ExplainSources {
  readonly desired: Desired;
  /** The flow's entry in any worker's table. */
  entry(hash: FlowHash): FlowEntry | undefined;
  /** The timeouts of that number. */
  timeouts(profile: number): Profile | undefined;
  /** The backend of that index, if it still is the one of that generation. */
  backend(index: number, generation: number): { readonly pool: string; readonly address: string } | undefined;
  /** Backend index in a slot of a pool's table in force; 0: the pool is empty. */
  slot(pool: string, slot: number): number;
  /** Address of a backend index that a slot holds. */
  backendAddress(index: number): string | undefined;
  /** What ICMP told of the way to a backend, while that counts. */
  learnedMtu(pool: string, address: string): LearnedMtu | undefined;
}

export function explain(flow: Flow, sources: ExplainSources): ExplainView {
  const steps: ExplainStep[] = [];
  const say = (step: string, result: string): void => {
    steps.push({ step, result });
  };
  const text = flowText(flow);
  const end = (outcome: Partial<ExplainView> & Pick<ExplainView, 'verdict'>): ExplainView => ({
    flow: text,
    reason: null,
    vip: null,
    tenant: null,
    backend: null,
    ...outcome,
    steps,
  });
  const { desired } = sources;
  const here = vipsHolding(desired.vips, flow.destination.address);
  if (here.length === 0) {
    const [local] = vipsHolding(desired.localVips, flow.destination.address);
    const what = local === undefined ? 'is no VIP address' : `belongs to VIP ${local.name}, a service of this host (mode: local)`;
    say('destination', `${flow.destination.address} ${what}: the kernel's`);
    return end({ verdict: 'pass' });
  }
  const vip = findVip(here, flow);
  if (!vip) {
    say(
      'destination',
      `${flow.destination.address} has no VIP for ${flow.protocol} port ${flow.destination.port}: ${here.map(({ name }) => name).join(', ')}`,
    );
    return end({ verdict: 'drop', reason: 'no_vip_port' });
  }
  say('VIP', `${vip.name} of tenant ${vip.tenant}${announceWords(vip)}`);
  const known = { vip: vip.name, tenant: vip.tenant };
  const own = ownSource(desired, flow.source.address);
  if (own !== undefined) {
    say('source', `${flow.source.address} is ${own}`);
    return end({ ...known, verdict: 'drop', reason: 'loop' });
  }
  if (vip.isBlackhole) {
    say('blackhole', 'the document says blackhole: true: routers discard its packets, and what comes is dropped');
    return end({ ...known, verdict: 'drop', reason: 'denied' });
  }
  const key = expandFlowKey(desired.clusterSecret);
  const hash = flowHash(key, tupleOf(flow));
  const kept = keptBackend({ vip, hash, sources, say });
  sayAdmission(desired, vip, say);
  const backend = kept ?? tableBackend({ vip, flow, key, hash, sources, say });
  if (!backend) return end({ ...known, verdict: 'drop', reason: 'no_backend' });
  const target = desired.pools
    .flatMap(({ backends }) => backends)
    .find((b) => b.address === backend.address && b.pool === backend.pool);
  if (target?.nextHop.kind === 'unresolved') {
    say('next hop', target.nextHop.reason);
    return end({ ...known, backend: null, verdict: 'drop', reason: 'no_next_hop' });
  }
  if (target?.nextHop.kind === 'resolved') {
    const { address, pool, nextHop } = target;
    const learned = sources.learnedMtu(pool, address);
    sayWay({ vip, address, nextHop, learned, node: desired.node, fp: hash.fp, family: familyOf(flow.source.address) }, say);
    const speaker = fragmentSpeaker(levelsOf(here), flow.protocol)?.noun;
    sayFragments(speaker && tableAddress({ vip: speaker, flow, key, hash, sources }), say);
  }
  return end({ ...known, verdict: 'forward', backend: backend.address });
}

interface Target {
  readonly pool: string;
  readonly address: string;
}

function tupleOf({ protocol, source, destination }: Flow): Tuple {
  return {
    source: addressBytes(source.address),
    destination: addressBytes(destination.address),
    sourcePort: source.port,
    destinationPort: destination.port,
    protocol: protocolNumber[protocol],
  };
}

/** The VIPs of the address itself; an address that has none, those of the prefixes that hold it, the longest first. */
function vipsHolding<Vip extends RoutedVip>(vips: readonly Vip[], address: string): readonly Vip[] {
  const own = vips.filter(({ prefix }) => isHostPrefix(prefix) && prefix.address === address);
  if (own.length > 0) return own;
  return vips
    .filter(
      ({ prefix }) => familyOf(prefix.address) === familyOf(address) && maskAddress(address, prefix.length) === prefix.address,
    )
    .sort((a, b) => b.prefix.length - a.prefix.length);
}

/** Those of vipsHolding by their prefix. */
function levelsOf(vips: readonly DesiredVip[]): readonly { readonly noun: DesiredVip }[][] {
  const levels = new Map<number, { readonly noun: DesiredVip }[]>();
  for (const noun of vips) levels.set(noun.prefix.length, [...(levels.get(noun.prefix.length) ?? []), { noun }]);
  return [...levels.values()];
}

/** The longest prefix that has the port; within it the port itself, then a range that has it, then any port. */
function findVip(vips: readonly DesiredVip[], { protocol, destination }: Flow): DesiredVip | undefined {
  const width = ({ ports }: DesiredVip): number => ports.last - ports.first;
  return vips
    .filter((vip) => vip.protocol === protocol && vip.ports.first <= destination.port && destination.port <= vip.ports.last)
    .sort((a, b) => b.prefix.length - a.prefix.length || width(a) - width(b))[0];
}

function keptBackend(params: {
  readonly vip: DesiredVip;
  readonly hash: FlowHash;
  readonly sources: ExplainSources;
  readonly say: Say;
}): Target | undefined {
  const { vip, hash, sources, say } = params;
  const entry = sources.entry(hash);
  if (!entry) {
    say('flow table', 'unknown flow');
    return undefined;
  }
  const { probationMs, establishedMs, finMs } = sources.timeouts(entry.profile) ?? profileOf(vip);
  const timeoutMs = { probation: probationMs, established: establishedMs, fin: finMs }[entry.state];
  const where = `${entry.state}, idle for ${(entry.idleMs / 1000).toFixed(1)} s of ${timeoutMs / 1000} s, worker ${entry.worker}`;
  if (entry.idleMs >= timeoutMs) {
    say('flow table', `expired entry (${where})`);
    return undefined;
  }
  const owner = sources.backend(entry.backendIndex, entry.backendGeneration);
  const backend = owner && findBackend(sources.desired.pools, owner);
  const isMember = backend && (backend.pool === vip.activePool || backend.pool === vip.keptPool);
  if (!backend?.keepsFlows || !isMember) {
    const why = !owner
      ? 'which is gone'
      : !isMember
        ? `${owner.address}, no longer in the VIP's pool`
        : `${owner.address}: ${backend?.reason ?? ''}`;
    say('flow table', `known flow (${where}) of a backend that takes no traffic: ${why}; chosen anew`);
    return undefined;
  }
  say('flow table', `known flow (${where}): stays with ${backend.address}`);
  return backend;
}

function findBackend(pools: readonly DesiredPool[], { pool, address }: Target): DesiredBackend | undefined {
  return pools.find(({ name }) => name === pool)?.backends.find((backend) => backend.address === address);
}

/** Whose address it is if it is one of ours, so that a packet from it would be a loop. */
function ownSource({ node }: Desired, address: string): string | undefined {
  if (address === node.address || address === node.address6) return 'this node';
  const prefix = familyOf(address) === 4 ? node.entropy.prefix : node.entropy.prefix6;
  return prefix !== null && maskAddress(address, prefix.length) === prefix.address ? "of this node's entropy prefix" : undefined;
}

function announceWords({ announce }: DesiredVip): string {
  if (announce.kind === 'announce') return '';
  return announce.kind === 'draining' ? `; about to be withdrawn: ${announce.reason}` : `; not announced: ${announce.reason}`;
}

function sayAdmission(desired: Desired, vip: DesiredVip, say: Say): void {
  const plan = desired.tenants.find(({ name }) => name === vip.tenant)?.plan ?? null;
  const spends = vip.protocol === 'tcp' ? 'a SYN' : plan?.udp ? 'the first packet of an unknown flow' : 'nothing';
  say(
    'admission',
    plan === null
      ? 'no plan: unlimited'
      : `plan ${plan.name}: ${plan.cps} new flows a second, burst ${plan.burst}; ${spends} spends a token`,
  );
}

interface Choice {
  readonly vip: DesiredVip;
  readonly flow: Flow;
  readonly key: FlowKey;
  readonly hash: FlowHash;
  readonly sources: ExplainSources;
}

function tableBackend({ say, ...choice }: Choice & { readonly say: Say }): Target | undefined {
  const { vip, sources } = choice;
  const pool = sources.desired.pools.find(({ name }) => name === vip.activePool);
  if (!pool?.backends.some(({ takesNewFlows }) => takesNewFlows)) {
    say('table', `pool ${vip.activePool} has no backend that takes new flows`);
    return undefined;
  }
  const address = tableAddress(choice);
  if (address === undefined) {
    say('table', `pool ${pool.name} is empty`);
    return undefined;
  }
  say('table', `pool ${pool.name}: slot ${slotOf(choice, pool)} of ${pool.tableSize} (hash ${vip.hash}) → ${address}`);
  return { pool: pool.name, address };
}

function slotOf(choice: Choice, pool: DesiredPool): number {
  return slotHash(choice.key, slotFingerprint(choice)) % pool.tableSize;
}

/** What the table in force chooses. */
function tableAddress(choice: Choice): string | undefined {
  const { sources, vip } = choice;
  const pool = sources.desired.pools.find(({ name }) => name === vip.activePool);
  return pool && sources.backendAddress(sources.slot(pool.name, slotOf(choice, pool)));
}

/** Fingerprint of a tuple that has only the field the VIP hashes by. */
function slotFingerprint({
  vip,
  flow,
  key,
  hash,
}: {
  readonly vip: DesiredVip;
  readonly flow: Flow;
  readonly key: FlowKey;
  readonly hash: FlowHash;
}): bigint {
  if (vip.hash === '5tuple') return hash.fp;
  const whole = tupleOf(flow);
  const nothing = { source: new Uint8Array(16), destination: new Uint8Array(16), sourcePort: 0, destinationPort: 0, protocol: 0 };
  const part =
    vip.hash === 'source' ? { ...nothing, source: whole.source } : { ...nothing, destinationPort: whole.destinationPort };
  return flowHash(key, part).fp;
}
