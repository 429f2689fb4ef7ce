// Rules of what is announced for the VIPs: aggregates, blackholes, and the attributes of a route that several VIPs share.
// Linear in the document. Pure.
//
// An aggregate draws the traffic of all its addresses here while one VIP inside is up, so it may hold nothing of another
// tenant's: there a node would take what it cannot serve while others could.

import { isHostPrefix, type Prefix, parseAddress, parsePrefix } from '../model/address.ts';
import { PrefixMap, prefixText } from '../model/prefix-map.ts';
import { type Path, pathText } from './problem.ts';
import type { Report } from './report.ts';
import type { Document, DocumentTenant, DocumentVip } from './schema.ts';
import { pathOf, type WrittenVip } from './written-vips.ts';

const policyKeys = ['communities', 'largeCommunities', 'med', 'localPref', 'prepend'] as const;

interface Aggregate {
  readonly prefix: Prefix;
  readonly tenant: number;
  readonly path: Path;
  /** Something of another tenant's in it was reported: once is enough. */
  isRefused: boolean;
  isUsed: boolean;
}

export interface AnnounceScope {
  readonly document: Document;
  readonly written: readonly WrittenVip[];
  /** All of them, or none where the document before had the same. */
  readonly news: readonly WrittenVip[];
  readonly isUnicast: (address: string) => boolean;
}

export function checkAnnouncements({ document, written, news, isUnicast }: AnnounceScope, report: Report): void {
  checkShared(document, news, report);
  const aggregates = document.tenants.flatMap(({ announce = [] }, tenant) =>
    announce.flatMap((text, i): readonly Aggregate[] => {
      const prefix = parsePrefix(text);
      const path: Path = ['tenants', tenant, 'announce', i];
      if (prefix === undefined) return [];
      if (!isUnicast(prefix.address)) report.problem(path, 'a prefix of unicast addresses');
      return [{ prefix, tenant, path, isRefused: false, isUsed: false }];
    }),
  );
  if (aggregates.length === 0) return;
  const known = checkApart(aggregates, report);
  for (const each of written) checkInside(each, known.covering(each.prefix), report);
  checkOthersAround(aggregates, written, report);
  checkBackends(document, known, report);
  for (const { isUsed, path } of aggregates)
    if (!isUsed) report.warn(path, 'holds no VIP of its tenant that is announced with it, so it is never announced');
}

/** No two of them overlap, whoever's they are: a VIP is announced with one of them. */
function checkApart(aggregates: readonly Aggregate[], report: Report): PrefixMap<Aggregate> {
  const known = new PrefixMap<Aggregate>();
  const distinct = aggregates.filter((aggregate) => {
    const equal = known.get(aggregate.prefix);
    if (equal === undefined) known.set(aggregate.prefix, aggregate);
    else report.problem(aggregate.path, `an aggregate that ${pathText(equal.path)} is not`);
    return equal === undefined;
  });
  for (const aggregate of distinct) {
    const around = known.covering(aggregate.prefix).find((other) => other !== aggregate);
    if (around !== undefined) {
      const words = `${pathText(around.path)}, ${prefixText(around.prefix)}, holds it`;
      report.problem(aggregate.path, `an aggregate that overlaps no other (${words})`);
    }
  }
  return known;
}

function checkInside(written: WrittenVip, around: readonly Aggregate[], report: Report): void {
  const { vip, tenant } = written;
  for (const aggregate of around) {
    if (aggregate.tenant !== tenant) refuse(aggregate, written, report);
    else if (!vip.blackhole) aggregate.isUsed = true;
  }
  const own = around.find((aggregate) => aggregate.tenant === tenant);
  if (own === undefined || vip.blackhole) return;
  const key = policyKeys.find((each) => vip[each] !== undefined);
  if (key !== undefined) {
    const instead = `${prefixText(own.prefix)} is announced instead, with the tenant's BGP attributes`;
    report.warn([...pathOf(written), key], `has no effect: ${instead}`);
  }
}

function refuse(aggregate: Aggregate, written: WrittenVip, report: Report): void {
  if (aggregate.isRefused) return;
  aggregate.isRefused = true;
  report.problem(
    aggregate.path,
    `a prefix without VIPs of other tenants (${pathText(pathOf(written))} has ${written.vip.address})`,
  );
}

/** Prefix VIPs of other tenants that are wider than the aggregate. */
function checkOthersAround(aggregates: readonly Aggregate[], vips: readonly WrittenVip[], report: Report): void {
  const wide = new PrefixMap<WrittenVip[]>();
  for (const placed of vips) {
    if (isHostPrefix(placed.prefix)) continue;
    const same = wide.get(placed.prefix);
    if (same === undefined) wide.set(placed.prefix, [placed]);
    else same.push(placed);
  }
  for (const aggregate of aggregates) {
    const others = wide
      .covering(aggregate.prefix)
      .flatMap((same) => same.find(({ tenant }) => tenant !== aggregate.tenant) ?? []);
    for (const other of others) refuse(aggregate, other, report);
  }
}

function checkBackends({ pools }: Document, known: PrefixMap<Aggregate>, report: Report): void {
  const warned = new Set<Aggregate>();
  for (const [name, { backends }] of Object.entries(pools)) {
    for (const { address: text } of backends) {
      const address = parseAddress(text) ?? text;
      const [aggregate] = known.covering({ address, length: address.includes(':') ? 128 : 32 });
      if (aggregate === undefined || warned.has(aggregate)) continue;
      warned.add(aggregate);
      report.warn(
        aggregate.path,
        `holds the backend ${address} of pool ${name}, whose packets come back here where no router knows a narrower way to it`,
      );
    }
  }
}

/** One prefix is one route: its VIPs have the same attributes, and are blackholed together. */
function checkShared(document: Document, written: readonly WrittenVip[], report: Report): void {
  const first = new Map<string, WrittenVip>();
  for (const placed of written) {
    const text = prefixText(placed.prefix);
    const other = first.get(text);
    if (other === undefined) first.set(text, placed);
    else checkSame(document, placed, other, report);
  }
}

function checkSame({ tenants }: Document, written: WrittenVip, other: WrittenVip, report: Report): void {
  const { vip, tenant } = written;
  const because = `as ${pathText(pathOf(other))} has, since ${vip.address} is one route`;
  if (vip.blackhole !== other.vip.blackhole) {
    report.problem([...pathOf(written), 'blackhole'], `${other.vip.blackhole}, ${because}`, { got: String(vip.blackhole) });
  }
  for (const key of policyKeys) {
    const [mine, wanted] = [shown(vip, tenants[tenant], key), shown(other.vip, tenants[other.tenant], key)];
    if (mine !== wanted) report.problem([...pathOf(written), key], `${wanted}, ${because}`, { got: mine });
  }
}

/** Its value or its tenant's; communities are sets. */
function shown(vip: DocumentVip, tenant: DocumentTenant | undefined, key: (typeof policyKeys)[number]): string {
  const value = vip[key] ?? tenant?.[key];
  if (value === undefined) return 'none';
  return typeof value === 'number' ? String(value) : JSON.stringify([...new Set(value)].sort());
}
