// Keeps one established peer told of the routes: what differs leaves as fast as the connection takes it, packed.
// Runs in the bgp worker.
//
// rib-out.ts knows what differs, update.ts how to pack it; here is when. After the first full set: End-of-RIB (RFC 4724 2).

import { type FamilyName, families } from './families.ts';
import type { BgpLink } from './link.ts';
import { type RoutePolicy, type RouteSetting, routeAttributes } from './policy.ts';
import { type Batch, RibOut, type Routes } from './rib-out.ts';
import { endOfRib, type Packed, packAnnouncements, packWithdrawals } from './update.ts';

// More than this waiting in user space and the peer is slower than its routes change: the rest waits as state, where
// the newest overtakes, instead of as bytes.
const backlogLimitBytes = 65_536;

export interface OutboundSetting extends RouteSetting {
  /** By family; a family without one is not announced. */
  readonly nextHops: Readonly<Partial<Record<FamilyName, string>>>;
}

export class Outbound {
  readonly #link: BgpLink;
  readonly #families: readonly FamilyName[];
  readonly #rib: RibOut;
  #setting: OutboundSetting;
  #endOfRibSent = false;

  constructor(link: BgpLink, families: readonly FamilyName[], setting: OutboundSetting) {
    this.#link = link;
    this.#families = families;
    this.#setting = setting;
    this.#rib = new RibOut(families.filter((family) => setting.nextHops[family] !== undefined));
  }

  get announced(): number {
    return this.#rib.announced;
  }

  /** Everything has been handed to the connection. */
  get isClean(): boolean {
    return this.#rib.isClean;
  }

  want(routes: Routes): void {
    this.#rib.want(routes);
    this.flush();
  }

  /** The same routes with what `setting` makes of their attributes now; nothing when it is the same setting. */
  retell(setting: OutboundSetting): void {
    if (JSON.stringify(setting) === JSON.stringify(this.#setting)) return;
    this.#setting = setting;
    this.#rib.refresh();
    this.flush();
  }

  /** ROUTE-REFRESH: the peer wants to hear a family again (RFC 2918). */
  refresh(family: FamilyName): void {
    this.#rib.refresh(family);
    this.flush();
  }

  /** Sends what the connection takes now. Call again when it is writable. */
  flush(): void {
    for (const batch of this.#rib.pending()) {
      if (!this.#sendBatch(batch)) return;
    }
    if (this.#endOfRibSent) return;
    this.#endOfRibSent = true;
    for (const family of this.#families) this.#link.sendUpdate(endOfRib(families[family]));
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
    const nextHop = this.#setting.nextHops[name];
    if (policy === undefined || nextHop === undefined) return packWithdrawals(family, nlri);
    return packAnnouncements(family, routeAttributes(policy, this.#setting, family, nextHop), nlri);
  }
}
