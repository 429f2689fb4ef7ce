// Whether a document fits the packet path's tables (model/limits.ts). Each problem names the first place that no longer
// fits, so that a document too large by one line says which. Linear in the document. Pure.

import { documentSlotLines, limits, linesOf, slotsPerLine } from '../model/limits.ts';
import { isAnyPort } from '../model/vip.ts';
import type { Path } from './problem.ts';
import type { Report } from './report.ts';
import type { Document, DocumentVip } from './schema.ts';
import { pathOf, type WrittenVip } from './written-vips.ts';

/** Counts up to a limit, and reports the place that crosses it, once. */
class Count {
  readonly #limit: number;
  readonly #what: string;
  readonly #report: Report;
  #total = 0;

  constructor(limit: number, what: string, report: Report) {
    this.#limit = limit;
    this.#what = what;
    this.#report = report;
  }

  add(path: () => Path, count = 1): void {
    const before = this.#total;
    this.#total += count;
    if (before <= this.#limit && this.#total > this.#limit) {
      this.#report.problem(path(), `at most ${this.#what}`, { got: 'more than that up to here' });
    }
  }
}

export function checkSizes(document: Document, written: readonly WrittenVip[], report: Report): void {
  const tenants = new Count(limits.tenants, `${limits.tenants} tenants`, report);
  for (const i of document.tenants.keys()) tenants.add(() => ['tenants', i]);
  checkVips(written, report);
  const pools = new Count(limits.pools, `${limits.pools} pools`, report);
  const backends = new Count(limits.backends, `${limits.backends} backends in all pools`, report);
  const slots = documentSlotLines * slotsPerLine;
  const lines = new Count(documentSlotLines, `${slots} table slots in all pools (set a smaller tableSize)`, report);
  for (const [name, pool] of Object.entries(document.pools)) {
    const path: Path = ['pools', name];
    pools.add(() => path);
    for (const i of pool.backends.keys()) backends.add(() => [...path, 'backends', i]);
    if (pool.backends.length > 0) lines.add(() => [...path, 'tableSize'], linesOf(pool.tableSize));
  }
}

function checkVips(written: readonly WrittenVip[], report: Report): void {
  const vips = new Count(limits.vips, `${limits.vips} VIPs (each port or range of a list is one)`, report);
  const sets = new Count(limits.timeoutSets, `${limits.timeoutSets} different sets of timeouts`, report);
  const seen = new Set<string>();
  const ranges = new Map<string, Count>();
  for (const each of written) {
    const { vip, ports, prefix } = each;
    if (vip.mode === 'local') continue;
    vips.add(() => pathOf(each), ports.length);
    const set = timeoutSetOf(vip);
    if (!seen.has(set)) sets.add(() => [...pathOf(each), 'timeouts']);
    seen.add(set);
    const some = ports.filter((range) => !isAnyPort(range) && range.first !== range.last).length;
    if (some > 0) rangesOf(ranges, prefix.address, report).add(() => [...pathOf(each), 'ports'], some);
  }
}

function rangesOf(ranges: Map<string, Count>, address: string, report: Report): Count {
  const limit = limits.portRangesPerAddress;
  const known = ranges.get(address) ?? new Count(limit, `${limit} port ranges at ${address}`, report);
  ranges.set(address, known);
  return known;
}

/** What one timeout profile of the packet path is made of. */
function timeoutSetOf({ protocol, timeouts, hash }: DocumentVip): string {
  const established = protocol === 'udp' ? timeouts.udpSec : timeouts.tcpSec;
  return `${timeouts.probationSec} ${established} ${timeouts.finSec} ${hash === '5tuple'}`;
}
