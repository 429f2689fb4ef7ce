// Desired states for tests, in as few words as the test is about; everything else has the document's defaults.
//
// Not made by resolve(), so that a test of the packet path can say what a backend does without health checks and next-hop
// look-ups. `takesNewFlows` and `keepsFlows` follow state, health, weight and next hop as model/desired.ts defines them.

import { compareAddresses, parsePrefix } from '../../src/model/address.ts';
import { defaultWeight, type Health, type NextHop, type OperatorState } from '../../src/model/backend.ts';
import type { AnswerRate, Desired, DesiredBackend, DesiredPool, DesiredTenant, DesiredVip } from '../../src/model/desired.ts';
import type { Plan } from '../../src/model/plan.ts';
import { defaultTimeouts, type Encap, type HashMode, parseVipName, type Timeouts, type VipParts } from '../../src/model/vip.ts';
import { nextHopMac, nodeMac } from './packets.ts';

export interface VipWords {
  /** "203.0.113.10:80/tcp" */
  readonly vip: string;
  readonly tenant?: string;
  readonly pool?: string;
  readonly activePool?: string;
  readonly keptPool?: string;
  readonly hash?: HashMode;
  readonly encap?: Encap;
  readonly entropy?: boolean;
  readonly timeouts?: Partial<Timeouts>;
  readonly isBlackhole?: boolean;
}

export interface BackendWords {
  readonly address: string;
  readonly weight?: number;
  readonly state?: OperatorState;
  readonly health?: Health;
  readonly mtuBytes?: number;
  readonly mac?: string;
  readonly isUnresolved?: boolean;
  /** The pool is failing open: used as if usable. */
  readonly isOpen?: boolean;
}

export interface DesiredWords {
  /** A bare name belongs to tenant "acme" and pool "web". */
  readonly vips: readonly (string | VipWords)[];
  /** A bare address is an active backend with every default. */
  readonly pools?: Readonly<Record<string, readonly (string | BackendWords)[]>>;
  /** Tenants that are not named here have no plan. */
  readonly plans?: Readonly<Record<string, Pick<Plan, 'cps' | 'burst'> & Partial<Plan>>>;
  readonly tableSize?: number;
  readonly echo?: AnswerRate;
  readonly tooBig?: AnswerRate;
  readonly timeExceeded?: AnswerRate;
  readonly nodeAddress?: string | null;
  readonly nodeAddress6?: string | null;
  /** Prefixes of outer sources, "192.0.2.0/24". */
  readonly entropy?: { readonly prefix?: string; readonly prefix6?: string };
  readonly clusterSecret?: string;
}

export const nodeAddress = '10.0.1.11';
export const nodeAddress6 = '2001:db8:1::11';
const testDevice = 'eth0';
const smallTable = 251;

export function desiredOf(words: DesiredWords): Desired {
  const vips = words.vips.map((vip) => vipOf(typeof vip === 'string' ? { vip } : vip)).sort(byName);
  const tenants = [...new Set(vips.map(({ tenant }) => tenant))]
    .sort()
    .map((name): DesiredTenant => ({ name, plan: planOf(words, name) }));
  const pools = Object.entries(words.pools ?? { web: ['10.0.2.21'] }).map(([name, backends]) => poolOf(name, backends, words));
  const rate = { rate: 1000, burst: 200 };
  const { nodeAddress: address = nodeAddress, nodeAddress6: address6 = nodeAddress6, entropy = {} } = words;
  const { echo = rate, tooBig = rate, timeExceeded = rate } = words;
  return {
    revision: 1,
    node: {
      address,
      address6,
      entropy: { prefix: parsePrefix(entropy.prefix ?? '') ?? null, prefix6: parsePrefix(entropy.prefix6 ?? '') ?? null },
      devices: [{ name: testDevice, mac: nodeMac, mtuBytes: 1500 }],
      answers: { echo, tooBig, timeExceeded },
    },
    clusterSecret: words.clusterSecret ?? '5e'.repeat(32),
    tenants,
    vips,
    localVips: [],
    pools: pools.sort(byName),
  };
}

/** Random tests name the same few VIPs again and again. */
const parsed = new Map<string, VipParts | undefined>();

function vipOf(words: VipWords): DesiredVip {
  if (!parsed.has(words.vip)) parsed.set(words.vip, parseVipName(words.vip));
  const parts = parsed.get(words.vip);
  if (parts === undefined) throw new Error(`no VIP name: ${words.vip}`);
  const { tenant = 'acme', pool = 'web', activePool = pool, hash = '5tuple', encap = 'ipip' } = words;
  const { keptPool = pool, entropy = false, timeouts, isBlackhole = false } = words;
  return {
    ...parts,
    name: words.vip,
    tenant,
    pool,
    activePool,
    keptPool,
    hash,
    encap,
    entropy,
    timeouts: { ...defaultTimeouts, ...timeouts },
    announce: { kind: 'announce' },
    policy: {},
    aggregate: null,
    isBlackhole,
  };
}

function planOf({ plans = {} }: DesiredWords, tenant: string): Plan | null {
  const plan = plans[tenant];
  return plan === undefined ? null : { name: tenant, udp: false, ...plan };
}

function poolOf(name: string, words: readonly (string | BackendWords)[], { tableSize = smallTable }: DesiredWords): DesiredPool {
  const backends = words.map((each) => backendOf(name, typeof each === 'string' ? { address: each } : each));
  backends.sort((a, b) => compareAddresses(a.address, b.address));
  return { name, tableSize, backends, usable: backends.some(({ takesNewFlows }) => takesNewFlows), fallback: null };
}

function backendOf(pool: string, words: BackendWords): DesiredBackend {
  const { address, weight = defaultWeight, state = 'active', health = 'up', mac = nextHopMac } = words;
  const isResolved = words.isUnresolved !== true;
  const nextHop: NextHop = isResolved
    ? { kind: 'resolved', device: testDevice, mac, mtuBytes: words.mtuBytes ?? 1500 }
    : { kind: 'unresolved', reason: 'no route', ...(words.mtuBytes === undefined ? {} : { mtuBytes: words.mtuBytes }) };
  const takesNewFlows = weight > 0 && (words.isOpen === true || (state === 'active' && health === 'up' && isResolved));
  const keepsFlows = words.isOpen === true || (state !== 'disabled' && health !== 'down' && isResolved);
  return {
    pool,
    address,
    weight,
    state,
    health,
    nextHop,
    takesNewFlows,
    keepsFlows,
    reason: takesNewFlows ? null : 'as the test says',
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
