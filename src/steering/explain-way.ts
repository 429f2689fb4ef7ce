// The way from here to the backend, for `torii explain`: outer header, its source, what fits, where fragments go. Pure.
//
// In the words of the packet path's verdicts. Sizes are of IP packets, without Ethernet.

import { familyOf } from '../model/address.ts';
import type { NextHop } from '../model/backend.ts';
import type { DesiredNode, DesiredVip } from '../model/desired.ts';
import { entropySource } from './entropy.ts';

/** What ICMP told of the way to a backend. */
export interface LearnedMtu {
  readonly mtuBytes: number;
  readonly agoSec: number;
}

const outerBytes = { 4: 20, 6: 40 } as const;
const fragmentSec = 30;

export type Say = (step: string, result: string) => void;

export interface Way {
  readonly vip: DesiredVip;
  /** Of the backend. */
  readonly address: string;
  readonly nextHop: Extract<NextHop, { readonly kind: 'resolved' }>;
  readonly learned: LearnedMtu | undefined;
  readonly node: DesiredNode;
  /** The flow's fingerprint. */
  readonly fp: bigint;
  /** Of the flow's packets. */
  readonly family: 4 | 6;
}

export function sayWay(way: Way, say: Say): void {
  const { vip, address, nextHop } = way;
  say('encapsulate', `${vip.encap} to ${address} by ${nextHop.device}, next hop ${nextHop.mac}, MTU ${nextHop.mtuBytes}`);
  if (vip.encap === 'ipip') say('outer source', outerSource(way));
  say('size', sizeWords(way));
}

function outerSource({ vip, address, node, fp }: Way): string {
  const isV4 = familyOf(address) === 4;
  const prefix = isV4 ? node.entropy.prefix : node.entropy.prefix6;
  if (vip.entropy && prefix !== null) {
    return `${entropySource(prefix, fp)}, of the entropy prefix ${prefix.address}/${prefix.length} by the flow's hash`;
  }
  return `${(isV4 ? node.address : node.address6) ?? 'none'}, this node`;
}

function sizeWords({ vip, address, nextHop, learned, family }: Way): string {
  const isLower = learned !== undefined && learned.mtuBytes < nextHop.mtuBytes;
  const mtuBytes = isLower ? learned.mtuBytes : nextHop.mtuBytes;
  const overhead = vip.encap === 'ipip' ? outerBytes[familyOf(address)] : 0;
  const told = isLower ? ` (ICMP told MTU ${mtuBytes} ${learned.agoSec} s ago)` : '';
  const larger =
    family === 6 ? 'a larger one is answered too_big' : 'a larger one is answered too_big with DF, and leaves in pieces without';
  return `up to ${mtuBytes - overhead} bytes: MTU ${mtuBytes}${told} less ${overhead} of the outer header; ${larger}`;
}

/**
 * Where a later fragment goes. `bySource` is where the source address alone leads; undefined where it tells nothing, since some VIP
 * of the address and protocol is hashed by more or leads to another pool.
 */
export function sayFragments(bySource: string | undefined, say: Say): void {
  const otherwise = bySource === undefined ? 'without it fragment_unmatched' : `without it by the source address to ${bySource}`;
  say('later fragments', `follow their first one for ${fragmentSec} s; ${otherwise}`);
}
