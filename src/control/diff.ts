// What changed between two desired states, one sentence each, for logs, the API and `torii reload`. Pure.
//
// Bounded: at most maxLines sentences and the number of the others, since a first document may have ten thousand VIPs.

import { backendKey } from '../model/backend.ts';
import type {
  AnnounceState,
  Desired,
  DesiredBackend,
  DesiredLocalVip,
  DesiredPool,
  DesiredTenant,
  DesiredVip,
  RoutedVip,
} from '../model/desired.ts';
import type { Plan } from '../model/plan.ts';
import { routeOf, routePolicyOf } from './routes.ts';

export const maxLines = 100;

/** `old` is null before the first document. */
export function diff(old: Desired | null, next: Desired): readonly string[] {
  const lines = new Lines();
  if (old !== null && old.clusterSecret !== next.clusterSecret) lines.add('cluster secret: changed; every flow is steered anew');
  compare(old?.tenants ?? [], next.tenants, { nameOf: ({ name }) => `tenant ${name}`, fieldsOf: tenantFields, lines });
  compare(old?.pools ?? [], next.pools, { nameOf: ({ name }) => `pool ${name}`, fieldsOf: poolFields, lines });
  compare(backendsOf(old), backendsOf(next), { nameOf: backendName, fieldsOf: backendFields, lines });
  const nameOf = ({ name }: RoutedVip): string => `VIP ${name}`;
  compare(old?.vips ?? [], next.vips, { nameOf, fieldsOf: vipFields, lines });
  compare(old?.localVips ?? [], next.localVips, { nameOf, fieldsOf: localVipFields, lines });
  return lines.all;
}

const lostBackend = /^backend .*: takes new flows → (?!draining|disabled|weight 0)/;
const lostVip = /^VIP .*: announced → withheld \((?!removed from|maintenance by|held by)/;

/** Whether a sentence tells of something that failed, rather than of what somebody asked for. */
export function isLoss(change: string): boolean {
  return lostBackend.test(change) || lostVip.test(change);
}

function backendsOf(desired: Desired | null): readonly DesiredBackend[] {
  return desired?.pools.flatMap((pool) => pool.backends) ?? [];
}

function backendName({ pool, address }: DesiredBackend): string {
  return `backend ${backendKey(pool, address)}`;
}

class Lines {
  readonly #lines: string[] = [];
  #more = 0;

  add(line: string): void {
    if (this.#lines.length < maxLines) this.#lines.push(line);
    else this.#more++;
  }

  get all(): readonly string[] {
    return this.#more === 0 ? this.#lines : [...this.#lines, `and ${this.#more} more changes`];
  }
}

/** Name and shown value of what can change about an item. */
type Fields = readonly (readonly [name: string, value: string])[];

interface Comparison<Item extends object> {
  readonly nameOf: (item: Item) => string;
  readonly fieldsOf: (item: Item) => Fields;
  readonly lines: Lines;
}

function compare<Item extends object>(old: readonly Item[], next: readonly Item[], how: Comparison<Item>): void {
  if (old === next) return;
  const { nameOf, fieldsOf, lines } = how;
  // Mostly nothing came or went, and a large list has few changes: names are made for those alone.
  const left = next.length === old.length ? next.flatMap((item, i) => pairIfChanged(old[i], item)) : null;
  if (left?.every(({ was, item }) => nameOf(was) === nameOf(item))) {
    for (const { was, item } of left) compareFields(nameOf(item), fieldsOf(was), fieldsOf(item), lines);
    return;
  }
  const before = new Map(old.map((item) => [nameOf(item), item]));
  for (const item of next) {
    const name = nameOf(item);
    const was = before.get(name);
    before.delete(name);
    if (was === undefined) lines.add(`${name}: added`);
    else compareFields(name, fieldsOf(was), fieldsOf(item), lines);
  }
  for (const name of before.keys()) lines.add(`${name}: removed`);
}

function pairIfChanged<Item extends object>(
  was: Item | undefined,
  item: Item,
): readonly { readonly was: Item; readonly item: Item }[] {
  return was === undefined || was === item || isSame(was, item) ? none : [{ was, item }];
}

const none: readonly never[] = [];

/** Equal in every key of `a`, objects in turn by theirs. Lists are compared by reference, which errs on the side of looking closer. */
function isSame(a: object, b: object): boolean {
  for (const key in a) {
    const left: unknown = a[key as keyof object];
    const right: unknown = b[key as keyof object];
    if (left === right) continue;
    const areObjects = typeof left === 'object' && typeof right === 'object' && left !== null && right !== null;
    if (!areObjects || Array.isArray(left) || Object.keys(left).length !== Object.keys(right).length) return false;
    if (!isSame(left, right)) return false;
  }
  return true;
}

function compareFields(name: string, old: Fields, next: Fields, lines: Lines): void {
  for (const [i, [field, value]] of next.entries()) {
    const was = old[i]?.[1] ?? '';
    if (was !== value) lines.add(`${name}: ${field === '' ? '' : `${field} `}${was} → ${value}`);
  }
}

function planText(plan: Plan | null): string {
  return plan === null ? 'none' : `${plan.name} (${plan.cps} cps, burst ${plan.burst}${plan.udp ? ', udp' : ''})`;
}

function tenantFields({ plan }: DesiredTenant): Fields {
  return [['plan', planText(plan)]];
}

function poolFields({ tableSize, fallback }: DesiredPool): Fields {
  return [
    ['table size', String(tableSize)],
    ['fallback', fallback ?? 'none'],
  ];
}

function backendFields({ weight, state, health, reason, nextHop }: DesiredBackend): Fields {
  return [
    ['weight', String(weight)],
    ['state', state],
    ['health', health],
    ['', reason ?? 'takes new flows'],
    ['MTU', nextHop.kind === 'resolved' ? String(nextHop.mtuBytes) : 'unknown'],
  ];
}

function announceText(announce: AnnounceState): string {
  if (announce.kind === 'announce') return 'announced';
  return announce.kind === 'draining' ? `leaving (${announce.reason})` : `withheld (${announce.reason})`;
}

function routeFields(vip: RoutedVip): Fields {
  return [
    ['route', routeOf(vip)],
    ['policy', JSON.stringify(routePolicyOf(vip))],
    ['blackhole', String(vip.isBlackhole)],
    ['', announceText(vip.announce)],
  ];
}

function localVipFields(vip: DesiredLocalVip): Fields {
  return [['tenant', vip.tenant], ['health', vip.health], ...routeFields(vip)];
}

function vipFields(vip: DesiredVip): Fields {
  const { tcpSec, finSec, udpSec, probationSec } = vip.timeouts;
  return [
    ['tenant', vip.tenant],
    ['pool', vip.pool],
    ['active pool', vip.activePool],
    ['hash', vip.hash],
    ['timeouts', [tcpSec, finSec, udpSec, probationSec].join('/')],
    ...routeFields(vip),
  ];
}
