// What the VIPs that a pool serves ask of the way to its backends: its own, and those of pools that fall back to it. Pure.

import type { Config, VipConfig } from '../config/config.ts';
import { familyOf } from '../model/address.ts';

export interface PoolDemands {
  readonly servesIpv6: boolean;
  /** Some VIP is `encap: l2`: the backend must be on the node's own segment. */
  readonly isDirect: boolean;
}

export const noDemands: PoolDemands = { servesIpv6: false, isDirect: false };

/** By pool; one that nothing is asked of may be missing. */
export function demandsOf({ vips, pools }: Config): ReadonlyMap<string, PoolDemands> {
  const own = new Map<string, PoolDemands>();
  for (const vip of vips) own.set(vip.pool, joined(own.get(vip.pool), demandsOfVip(vip)));
  const all = new Map(own);
  for (const { name, onAllDown } of pools) {
    const demands = own.get(name);
    if (demands === undefined || typeof onAllDown !== 'object') continue;
    all.set(onAllDown.pool, joined(all.get(onAllDown.pool), demands));
  }
  return all;
}

const onSegment: PoolDemands = { servesIpv6: false, isDirect: true };
const encapsulatedIpv6: PoolDemands = { servesIpv6: true, isDirect: false };

function demandsOfVip({ prefix, encap }: VipConfig): PoolDemands {
  if (encap === 'l2') return onSegment;
  return familyOf(prefix.address) === 6 ? encapsulatedIpv6 : noDemands;
}

/** The same object where nothing is added, which it mostly is. */
function joined(before: PoolDemands | undefined, more: PoolDemands): PoolDemands {
  if (before === undefined || before === more) return more;
  const servesIpv6 = before.servesIpv6 || more.servesIpv6;
  const isDirect = before.isDirect || more.isDirect;
  return servesIpv6 === before.servesIpv6 && isDirect === before.isDirect ? before : { servesIpv6, isDirect };
}
