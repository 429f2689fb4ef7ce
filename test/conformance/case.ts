// What a conformance case is: one promise of the speaker, put to the test against one real router over one address family.

import type { BfdTimes, Family, RouterPeer, RouterPlan } from '../../deploy/lab/routers/router.ts';
import type { LabNode, RouterKind } from '../../deploy/lab/topology.ts';
import type { Bed } from './bed.ts';

/** The speakers' side of a session, as their documents have it. */
export interface PeerSettings {
  readonly holdTimeSec: number;
  readonly passive: boolean;
  readonly password: string | null;
  readonly ttlSecurity: number | null;
  readonly bfd: BfdTimes | null;
  readonly families: readonly string[] | null;
  readonly role: string | null;
}

export interface ConformanceCase {
  readonly id: string;
  /** What holds when it passes, without the router: "FRR IPv4: SENTENCE". */
  readonly sentence: string;
  /** Routers that can do it; absent: all. */
  readonly routers?: readonly RouterKind[];
  /** The router's side; `peers` makes both speakers configured neighbours. */
  readonly plan?: Partial<Omit<RouterPlan, 'peers'>> & { readonly peers?: Omit<RouterPeer, 'address'> };
  /** The speakers' side where it is not the usual one; `index` tells the two apart. */
  readonly peer?: (index: number) => Partial<PeerSettings>;
  readonly drainSec?: number;
  /** The speakers drive ExaBGP. */
  readonly isExabgp?: boolean;
  readonly timeoutMs?: number;
  /** Starts with the router running and no speaker yet. Throws what did not hold. */
  run(bed: Bed): Promise<void>;
}

/** One case against one router over one family. */
export interface Trial {
  readonly router: RouterKind;
  readonly family: Family;
  readonly test: ConformanceCase;
}

export const routerNames: Readonly<Record<RouterKind, string>> = { bird: 'BIRD', frr: 'FRR', gobgp: 'GoBGP' };

export function trialName({ router, family, test }: Trial): string {
  return `${routerNames[router]} IPv${family} ${test.id}: ${test.sentence}`;
}

/** The node's address of a family. */
export function addressOf({ address, address6 }: Pick<LabNode, 'address' | 'address6'>, family: Family): string {
  return family === 4 ? address : address6;
}
