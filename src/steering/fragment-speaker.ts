// The VIP by which the source address alone leads a fragment that has no record (docs/packet-path.md, "Fragments"). Pure.
//
// A later fragment has no port, so each VIP counts whose packet it may be: those of its protocol at the narrowest address or prefix
// that holds the destination, and as long as none of these takes any port, those of the next wider one. Where they disagree it
// would reach a backend that has no other part of its datagram, perhaps another tenant's.

import type { DesiredVip } from '../model/desired.ts';
import { isAnyPort, type Protocol } from '../model/vip.ts';

interface Speaker {
  readonly noun: Pick<DesiredVip, 'protocol' | 'hash' | 'activePool' | 'ports'>;
}

/** Any of those VIPs if all hash by source to one pool. `levels` are the VIPs of each prefix that holds the destination, narrowest first. */
export function fragmentSpeaker<Vip extends Speaker>(levels: readonly (readonly Vip[])[], protocol: Protocol): Vip | undefined {
  let speaker: Vip | undefined;
  for (const level of levels) {
    let takesAnyPort = false;
    for (const vip of level) {
      const { noun } = vip;
      if (noun.protocol !== protocol) continue;
      speaker ??= vip;
      if (noun.hash !== 'source' || noun.activePool !== speaker.noun.activePool) return undefined;
      takesAnyPort ||= isAnyPort(noun.ports);
    }
    if (takesAnyPort) break;
  }
  return speaker;
}
