// The VIPs of a document as its rules and its normal form look at them: address and ports of each are read, and its path in the
// document is made for those alone that have something to report. Pure.

import { type Prefix, parsePrefix } from '../model/address.ts';
import { anyPort, type PortRange, parsePorts } from '../model/vip.ts';
import type { Path } from './problem.ts';
import type { Document, DocumentVip } from './schema.ts';

export interface WrittenVip {
  readonly vip: DocumentVip;
  /** Places in the document: of its tenant, and its own in the tenant's list. */
  readonly tenant: number;
  readonly place: number;
  readonly prefix: Prefix;
  /** In the order written. */
  readonly ports: readonly PortRange[];
}

export function writtenVips({ tenants }: Document): readonly WrittenVip[] {
  const written: WrittenVip[] = [];
  for (const [tenant, { vips }] of tenants.entries()) {
    for (const [place, vip] of vips.entries()) {
      const prefix = parsePrefix(vip.address);
      if (prefix !== undefined) written.push({ vip, tenant, place, prefix, ports: portsOf(vip) });
    }
  }
  return written;
}

function portsOf({ ports }: DocumentVip): readonly PortRange[] {
  if (ports === undefined) return [anyPort];
  return ports.map((entry) => (typeof entry === 'number' ? { first: entry, last: entry } : (parsePorts(entry) ?? anyPort)));
}

export function pathOf({ tenant, place }: WrittenVip): Path {
  return ['tenants', tenant, 'vips', place];
}

/** Of one of its ports; of its address where it has none of its own. */
export function portPathOf(written: WrittenVip, port: number): Path {
  return written.vip.ports === undefined ? [...pathOf(written), 'address'] : [...pathOf(written), 'ports', port];
}
