// Rules of VIPs of mode local: services of this very host, which are announced and never forwarded. Pure.
//
// They have no key that says how packets are steered. Their address is the kernel's, so it must not be one whose packets the
// packet path takes for a forwarding VIP.

import { isHostPrefix, type Prefix, parsePrefix } from '../model/address.ts';
import type { Protocol } from '../model/vip.ts';
import { type Path, pathText } from './problem.ts';
import type { Report } from './report.ts';
import type { DocumentVip } from './schema.ts';

/** Keys that only mean something where torii takes the packets. */
const forwardingKeys = ['ports', 'pool', 'hash', 'entropy', 'encap', 'timeouts'] as const;

/** The local VIPs seen so far. */
export class LocalVipSet {
  readonly #hosts = new Set<string>();
  readonly #seen = new Map<string, { readonly protocol: Protocol | null; readonly path: Path }[]>();

  /** The place that already has this address, if any: as a whole, or with the same protocol. */
  add({ address, length }: Prefix, protocol: Protocol | null, path: Path): Path | undefined {
    const key = `${address}/${length}`;
    const others = this.#seen.get(key) ?? [];
    const clash = others.find((other) => other.protocol === null || protocol === null || other.protocol === protocol);
    this.#seen.set(key, [...others, { protocol, path }]);
    if (isHostPrefix({ address, length })) this.#hosts.add(address);
    return clash?.path;
  }

  /** Whether a VIP is this address alone: hosts have addresses of their own in a prefix that they announce. */
  has(address: string): boolean {
    return this.#hosts.has(address);
  }
}

export interface LocalVipPlace {
  readonly vip: DocumentVip;
  readonly path: Path;
  readonly known: LocalVipSet;
  /** Whether forwarding VIPs take all packets to these addresses. */
  readonly isForwarded: (prefix: Prefix) => boolean;
}

/** That the address is a unicast one is checked for VIPs of both modes. */
export function checkLocalVip({ vip, path, known, isForwarded }: LocalVipPlace, report: Report): void {
  for (const key of forwardingKeys) {
    if (report.isWritten([...path, key]))
      report.problem([...path, key], 'none, since a mode: local VIP is only announced: torii does not forward its packets');
  }
  const prefix = parsePrefix(vip.address);
  if (prefix === undefined) return;
  const clash = known.add(prefix, vip.protocol ?? null, path);
  if (clash !== undefined) report.problem([...path, 'address'], `an address that ${pathText(clash)} does not have`);
  if (isForwarded(prefix)) {
    report.problem(
      [...path, 'address'],
      'an address of no forwarding VIP (the packet path takes all packets to those, and this host would get none)',
    );
  }
  checkServiceCheck(vip, prefix, [...path, 'healthCheck'], report);
}

function checkServiceCheck({ healthCheck: check }: DocumentVip, prefix: Prefix, path: Path, report: Report): void {
  if (check === undefined) return;
  if (check.via === 'tunnel') report.problem([...path, 'via'], 'direct, since the service runs on this host');
  if (check.address === undefined && !isHostPrefix(prefix)) {
    report.problem([...path, 'address'], 'the address to probe, since the VIP is a prefix');
  }
}
