// Every conformance case, in the order of docs/bgp.md, and which of them are tried against whom. Pure.

import type { Family } from '../../deploy/lab/routers/router.ts';
import type { RouterKind } from '../../deploy/lab/topology.ts';
import type { ConformanceCase, Trial } from './case.ts';
import { bfd } from './cases/bfd.ts';
import { bothFamilies, role } from './cases/capabilities.ts';
import { exabgp } from './cases/exabgp.ts';
import { internal } from './cases/internal.ts';
import { gracefulShutdown, holdTime, hungRouter, hungSpeaker, killed } from './cases/leaving.ts';
import { gtsm, gtsmOwn, md5 } from './cases/protection.ts';
import { announce, many, prefix, withdraw } from './cases/routes.ts';
import { called, establish, notification, routerKilled, routerRestart, unchanged } from './cases/sessions.ts';

export const cases: readonly ConformanceCase[] = [
  establish,
  called,
  announce,
  withdraw,
  prefix,
  unchanged,
  bothFamilies,
  role,
  internal,
  md5,
  gtsm,
  gtsmOwn,
  gracefulShutdown,
  killed,
  routerRestart,
  routerKilled,
  notification,
  holdTime,
  hungSpeaker,
  hungRouter,
  bfd,
  many,
  exabgp,
];

/**
 * What `npm test` runs: the case that meets most of a session's life with every router, other kinds of cases with somebody.
 * Passwords, BFD and ExaBGP have integration tests of their own.
 */
const quick: Readonly<Record<RouterKind, Readonly<Record<Family, readonly ConformanceCase[]>>>> = {
  bird: { 4: [withdraw, hungRouter], 6: [gtsm, gracefulShutdown] },
  frr: { 4: [gracefulShutdown, routerRestart, notification, many], 6: [withdraw, killed] },
  gobgp: { 4: [announce], 6: [gracefulShutdown, hungSpeaker] },
};

export interface Selection {
  readonly routers: readonly RouterKind[];
  readonly families: readonly Family[];
  /** Ids; absent: all. */
  readonly only?: readonly string[];
  readonly isQuick: boolean;
}

export function trialsOf({ routers, families, only, isQuick }: Selection): readonly Trial[] {
  const wanted = cases.filter(({ id }) => only?.includes(id) ?? true);
  const testsOf = (router: RouterKind, family: Family) =>
    isQuick ? wanted.filter((test) => quick[router][family].includes(test)) : wanted;
  return routers.flatMap((router) =>
    families.flatMap((family) => testsOf(router, family).map((test) => ({ router, family, test }))),
  );
}
