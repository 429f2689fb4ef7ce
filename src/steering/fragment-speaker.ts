// The VIP by which the source address alone leads a fragment that has no record (docs/packet-path.md, "Fragments"). Pure.
//
// A later fragment has no port, so each VIP counts whose packet it may be: those of its protocol at the narrowest address or prefix
// that holds the destination, and as long as none of these takes any port, those of the next wider one. Where they disagree it
// would reach a backend that has no other part of its datagram, perhaps another tenant's.

import type { DesiredVip } from '../model/desired.ts';
import { isAnyPort, type Protocol } from '../model/vip.ts';

type Speaker = Pick<DesiredVip, 'protocol' | 'hash' | 'activePool' | 'ports'>;

/**
 * Any of those VIPs if all hash by source to one pool. `levels` are the VIPs of each prefix that holds the destination, narrowest
 * first; it is read no further than needed.
 */
export function fragmentSpeaker<Vip extends Speaker>(levels: Iterable<readonly Vip[]>, protocol: Protocol): Vip | undefined {
  let speaker: Vip | undefined;
  for (const level of levels) {
    const vips = level.filter((vip) => vip.protocol === protocol);
    for (const vip of vips) {
      speaker ??= vip;
      if (vip.hash !== 'source' || vip.activePool !== speaker.activePool) return undefined;
    }
    if (vips.some(({ ports }) => isAnyPort(ports))) break;
  }
  return speaker;
}
