// Keeps one established peer told of the routes: what differs leaves as fast as the connection takes it, packed.
// Runs in the bgp worker.
//
// rib-out.ts knows what differs, packing.ts how to pack it; here is when. After the first full set: End-of-RIB (RFC 4724 2).
// A peer that asks for its routes again gets them between a marked begin and end where both sides know RFC 7313.

import { refreshSubtype } from './constants.ts';
import { type FamilyName, families } from './families.ts';
import type { BgpLink } from './link.ts';
import type { Negotiated } from './negotiate.ts';
import type { NextHops } from './next-hops.ts';
import { endOfRib, type Packed, packAnnouncements, packWithdrawals } from './packing.ts';
import { type RoutePolicy, type RouteSetting, routeAttributes } from './policy.ts';
import { type Batch, RibOut, type Routes } from './rib-out.ts';

// More than this waiting in user space and the peer is slower than its routes change: the rest waits as state, where
// the newest overtakes, instead of as bytes.
const backlogLimitBytes = 65_536;

export interface OutboundSetting extends RouteSetting {
  /** By family; a family without one is not announced. */
  readonly nextHops: NextHops;
}

export class Outbound {
  readonly #link: BgpLink;
  readonly #families: readonly FamilyName[];
  readonly #marksRefreshes: boolean;
  readonly #rib = new RibOut();
  #setting: OutboundSetting;
  /** Until then nobody has said what there is: no route may mean none yet. */
  #isFirstSetKnown = false;
  #isEndOfRibSent = false;
  /** Asked for again, and begun. */
  readonly #asked = new Set<FamilyName>();
  readonly #refreshing = new Set<FamilyName>();

  constructor(link: BgpLink, { families, enhancedRefresh }: Negotiated, setting: OutboundSetting) {
    this.#link = link;
    this.#families = families;
    this.#marksRefreshes = enhancedRefresh;
    this.#setting = setting;
    this.#rib.serve(this.#announcedFamilies());
  }

  /** Those that routes are announced of. */
  get families(): readonly FamilyName[] {
    return this.#announcedFamilies();
  }

  get announced(): number {
    return this.#rib.announced;
  }

  /** Everything has been handed to the connection. */
  get isClean(): boolean {
    return this.#rib.isClean;
  }

  want(routes: Routes): void {
    this.#isFirstSetKnown = true;
    this.#rib.want(routes);
    this.flush();
  }

  /** The same routes with what `setting` makes of their attributes now; nothing when it is the same setting. */
  retell(setting: OutboundSetting): void {
    if (JSON.stringify(setting) === JSON.stringify(this.#setting)) return;
    this.#setting = setting;
    this.#rib.serve(this.#announcedFamilies());
    this.#rib.refresh();
    this.flush();
  }

  /** ROUTE-REFRESH: the peer wants to hear a family again (RFC 2918). */
  refresh(family: FamilyName): void {
    if (this.#marksRefreshes) this.#asked.add(family);
    else this.#rib.refresh(family);
    this.flush();
  }

  /** Sends what the connection takes now. Call again when it is writable. */
  flush(): void {
    do {
      for (const batch of this.#rib.pending()) {
        if (!this.#sendBatch(batch)) return;
      }
      this.#endRefreshes();
      this.#endFirstSet();
    } while (this.#beginRefreshes());
  }

  #announcedFamilies(): FamilyName[] {
    return this.#families.filter((family) => this.#setting.nextHops[family] !== undefined);
  }

  #endFirstSet(): void {
    if (this.#isEndOfRibSent || !this.#isFirstSetKnown) return;
    this.#isEndOfRibSent = true;
    for (const family of this.#families) this.#link.sendUpdate(endOfRib(families[family]));
  }

  #endRefreshes(): void {
    for (const family of this.#refreshing) this.#mark(family, refreshSubtype.end);
    this.#refreshing.clear();
  }

  // Whether there is something to tell again. One that is asked for while it is being told is told once more after that.
  #beginRefreshes(): boolean {
    for (const family of this.#asked) {
      this.#mark(family, refreshSubtype.begin);
      this.#rib.refresh(family);
      this.#refreshing.add(family);
    }
    this.#asked.clear();
    return this.#refreshing.size > 0;
  }

  #mark(family: FamilyName, subtype: number): void {
    const { afi, safi } = families[family];
    this.#link.send({ kind: 'routeRefresh', afi, safi, subtype });
  }

  // False when the connection is full.
  #sendBatch({ family, policy, routes }: Batch): boolean {
    let next = 0;
    for (const { body, count } of this.#pack(
      family,
      policy,
      routes.map(({ nlri }) => nlri),
    )) {
      if (this.#link.backlogBytes > backlogLimitBytes) return false;
      this.#link.sendUpdate(body);
      this.#rib.markTold(routes.slice(next, next + count), policy === undefined);
      next += count;
    }
    return true;
  }

  #pack(name: FamilyName, policy: RoutePolicy | undefined, nlri: readonly Uint8Array[]): Packed[] {
    const family = families[name];
    const hop = this.#setting.nextHops[name];
    const { longestMessageBytes } = this.#link;
    if (policy !== undefined && hop !== undefined) {
      return packAnnouncements(family, routeAttributes(policy, this.#setting, hop), nlri, longestMessageBytes);
    }
    const isOld = name === 'ipv4' && hop?.kind !== 'reach';
    return packWithdrawals(family, isOld, nlri, longestMessageBytes);
  }
}
