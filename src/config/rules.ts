// Rules between the keys of a document that fits the schema: references, duplicates, families, sizes. Each rule adds
// problems (the document is refused) or warnings (it is applied) to the report. Linear in the document. Pure.
//
// What the node section must satisfy is in node-rules.ts, what fits the tables in size-rules.ts.

import { familyOf, ipv4Number, isHostPrefix, maskAddress, type Prefix, parseAddress } from '../model/address.ts';
import { prefixText } from '../model/prefix-map.ts';
import type { PortRange } from '../model/vip.ts';
import { isAnyPort } from '../model/vip.ts';
import { checkAnnouncements } from './announce-rules.ts';
import { checkLocalVip, LocalVipSet } from './local-vip-rules.ts';
import { checkNode } from './node-rules.ts';
import { expectedTableSize, isPrime } from './primes.ts';
import { type Path, pathText } from './problem.ts';
import type { ProblemOptions, Report } from './report.ts';
import type { Document, DocumentCheck, DocumentPool } from './schema.ts';
import { checkSizes } from './size-rules.ts';
import { pathOf, portPathOf, type WrittenVip, writtenVips } from './written-vips.ts';

/** A document and what its rules know of it. */
export interface Checked {
  readonly document: Document;
  readonly written: readonly WrittenVip[];
  readonly vips: VipSet;
}

/** `before` passed: rules that can only refuse what it had, too, are not asked again. */
export function checkRules(document: Document, report: Report, before?: Checked): Checked {
  const known = before !== undefined && hasSameVips(document, before.document) ? before : undefined;
  const written = known?.written ?? writtenVips(document);
  const vips = known?.vips ?? new VipSet();
  const news = known === undefined ? written : [];
  checkTenants(document, report);
  for (const each of news) checkVip(each, { document, vips }, report);
  const localVips = checkLocalVips(written, vips, report);
  checkAnnouncements({ document, written, news, isUnicast }, report);
  for (const [name, pool] of Object.entries(document.pools)) {
    const isKnown = known?.document.pools[name] === pool;
    checkPool({ document, name, pool, vips, isKnown }, report);
  }
  checkSizes(document, news, report);
  checkNode(document, (address) => vips.holds(address) || localVips.has(address), report);
  if (document.cluster.secret === undefined && vips.size > 0) {
    report.warn(
      ['cluster', 'secret'],
      'absent, so a fixed key is used; several balancers, or a hostile network, need one of their own',
    );
  }
  return { document, written, vips };
}

/** And pools of the same names for them. */
function hasSameVips(document: Document, before: Document): boolean {
  const names = Object.keys(before.pools);
  return (
    document.tenants === before.tenants &&
    Object.keys(document.pools).length === names.length &&
    names.every((name) => Object.hasOwn(document.pools, name))
  );
}

interface TakenPorts {
  readonly ports: PortRange;
  /** Which of its VIP's. */
  readonly port: number;
  readonly by: WrittenVip;
}

/** Addresses that are VIPs, and the port ranges taken at each. */
export class VipSet {
  /** By prefix. */
  readonly #prefixes = new Map<string, TakenPorts[]>();
  readonly #lengths = new Set<number>();

  get size(): number {
    return this.#prefixes.size;
  }

  /** Who already has this port of the VIP, if anybody. A VIP of any port gives way to narrower ones. */
  add(by: WrittenVip, port: number, ports: PortRange): TakenPorts | undefined {
    const taken = this.#takenOf(by.prefix);
    const clash = taken.find(
      (other) =>
        other.by.vip.protocol === by.vip.protocol &&
        isAnyPort(other.ports) === isAnyPort(ports) &&
        other.ports.first <= ports.last &&
        ports.first <= other.ports.last,
    );
    taken.push({ ports, port, by });
    return clash;
  }

  #takenOf(prefix: Prefix): TakenPorts[] {
    const text = prefixText(prefix);
    let taken = this.#prefixes.get(text);
    if (taken === undefined) {
      if (!isHostPrefix(prefix)) this.#lengths.add(prefix.length);
      taken = [];
      this.#prefixes.set(text, taken);
    }
    return taken;
  }

  holds(address: string): boolean {
    return this.covers({ address, length: familyOf(address) === 4 ? 32 : 128 });
  }

  /** Whether all of these addresses are VIPs. */
  covers({ address, length: own }: Prefix): boolean {
    if (this.#prefixes.has(`${address}/${own}`)) return true;
    for (const length of this.#lengths) {
      if (length <= own && this.#prefixes.has(`${maskAddress(address, length)}/${length}`)) return true;
    }
    return false;
  }
}

function checkTenants(document: Document, report: Report): void {
  const names = new Map<string, number>();
  for (const [i, tenant] of document.tenants.entries()) {
    const path: Path = ['tenants', i];
    const first = names.get(tenant.name);
    if (first !== undefined) report.problem([...path, 'name'], `a name that tenants[${first}] does not have`);
    names.set(tenant.name, i);
    if (tenant.plan !== undefined && !Object.hasOwn(document.plans, tenant.plan)) {
      report.problem([...path, 'plan'], ...oneOf('plan', document.plans));
    }
  }
}

interface Known {
  readonly document: Document;
  readonly vips: VipSet;
}

function checkVip(written: WrittenVip, { document, vips }: Known, report: Report): void {
  const { vip, prefix, ports } = written;
  const problem = (key: string, expected: string): void => report.problem([...pathOf(written), key], expected);
  if (!isUnicast(prefix.address)) problem('address', 'a unicast address');
  if (vip.mode === 'local') return;
  if (vip.protocol === undefined) problem('protocol', 'tcp or udp');
  if (vip.pool === undefined) problem('pool', 'the name of a pool (only mode: local VIPs, services of this host, have none)');
  else if (!Object.hasOwn(document.pools, vip.pool)) {
    report.problem([...pathOf(written), 'pool'], ...oneOf('pool', document.pools));
  }
  if (vip.healthCheck !== undefined) problem('healthCheck', 'none, since the pool has it (only mode: local VIPs have one)');
  for (const [i, range] of ports.entries()) {
    const clash = vips.add(written, i, range);
    if (clash === undefined) continue;
    const other = pathText(portPathOf(clash.by, clash.port));
    report.problem(portPathOf(written, i), `ports that no other VIP of ${vip.address} has (${other} has them)`);
  }
}

/** After the forwarding ones, since what those cover never reaches a service of this host. */
function checkLocalVips(written: readonly WrittenVip[], forwarding: VipSet, report: Report): LocalVipSet {
  const known = new LocalVipSet();
  for (const each of written) {
    const { vip } = each;
    if (vip.mode !== 'local') continue;
    const path = pathOf(each);
    checkLocalVip({ vip, path, known, isForwarded: (prefix) => forwarding.covers(prefix) }, report);
    if (vip.healthCheck !== undefined) checkTimeout(vip.healthCheck, [...path, 'healthCheck'], report);
  }
  return known;
}

interface PoolPlace {
  readonly document: Document;
  readonly name: string;
  readonly pool: DocumentPool;
  readonly vips: VipSet;
  /** The document before had it, and these VIPs. */
  readonly isKnown: boolean;
}

function checkPool({ document, name, pool, vips, isKnown }: PoolPlace, report: Report): void {
  const path: Path = ['pools', name];
  checkTableSize(pool, path, report);
  if (!isKnown) checkBackends(pool, path, vips, report);
  const { onAllDown, minHealthy, healthCheck } = pool;
  if (typeof onAllDown === 'object') {
    if (onAllDown.pool === name) report.problem([...path, 'onAllDown', 'pool'], 'another pool');
    else if (!Object.hasOwn(document.pools, onAllDown.pool)) {
      report.problem([...path, 'onAllDown', 'pool'], ...oneOf('pool', document.pools));
    }
  }
  if (minHealthy > pool.backends.length && pool.backends.length > 0) {
    report.warn([...path, 'minHealthy'], `${minHealthy} can never be met by ${pool.backends.length} backends`);
  }
  if (healthCheck !== undefined) checkCheck(healthCheck, [...path, 'healthCheck'], report);
}

function checkTableSize(pool: DocumentPool, path: Path, report: Report): void {
  const place: Path = [...path, 'tableSize'];
  if (!isPrime(pool.tableSize)) {
    report.problem(place, expectedTableSize(pool.tableSize));
  } else if (pool.tableSize < 100 * pool.backends.length) {
    report.warn(
      place,
      `${pool.tableSize} slots are few for ${pool.backends.length} backends: with fewer than 100 each, shares get uneven`,
    );
  }
}

function checkBackends(pool: DocumentPool, path: Path, vips: VipSet, report: Report): void {
  const seen = new Map<string, number>();
  for (const [i, backend] of pool.backends.entries()) {
    const place: Path = [...path, 'backends', i, 'address'];
    const address = parseAddress(backend.address) ?? backend.address;
    const first = seen.get(address);
    if (first !== undefined) report.problem(place, `an address that backends[${first}] does not have`);
    else seen.set(address, i);
    if (!isUnicast(address)) report.problem(place, 'a unicast address');
    else if (vips.holds(address)) report.problem(place, 'an address that is no VIP (packets would come straight back)');
  }
}

function checkCheck(check: DocumentCheck, path: Path, report: Report): void {
  if (check.address !== undefined) report.problem([...path, 'address'], "none, since a pool's check probes each backend");
  checkTimeout(check, path, report);
}

function checkTimeout(check: DocumentCheck, path: Path, report: Report): void {
  if (check.timeoutMs !== undefined && check.timeoutMs > check.intervalMs) {
    report.warn(
      [...path, 'timeoutMs'],
      `${check.timeoutMs} is longer than intervalMs ${check.intervalMs}: a probe waits for the one before it`,
    );
  }
}

/** First half of 169.254.0.0/16. */
const linkLocal = 0xa9fe;

/** Not unspecified, loopback, link-local, multicast or reserved for broadcast: none of these can be routed here. */
export function isUnicast(address: string): boolean {
  if (familyOf(address) === 6) return !/^(::1?$|ff|fe[89ab])/i.test(address);
  const number = ipv4Number(address);
  const first = Math.floor(number / 2 ** 24);
  return first >= 1 && first <= 223 && first !== 127 && number >>> 16 !== linkLocal;
}

/** What is expected where one of these is named, and what to suggest. */
function oneOf(kind: 'plan' | 'pool', record: Readonly<Record<string, unknown>>): [expected: string, options: ProblemOptions] {
  const names = Object.keys(record);
  return [`a ${kind} of "${kind}s" (${listed(names)})`, { names }];
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'there is none';
  return names.length > 8 ? `${names.slice(0, 8).join(', ')}, …` : names.join(', ');
}
