// What one peer says of its own routes: its default routes are kept, to be shown; all else is passed over.
// Runs in the bgp worker.
//
// Nothing is ever installed. A route that counts as withdrawn (RFC 7606), that has been through our own AS (RFC 4271 9.1.2) or
// that was leaked (RFC 9234 5) is no route. Begin and end of a refresh (RFC 7313 4) take away what was not said again.

import type { DefaultRoute, PeerRole } from '../model/peer.ts';
import { pathText } from './as-path.ts';
import { hasCapability } from './capabilities.ts';
import { refreshSubtype } from './constants.ts';
import { type FamilyName, familyByCode } from './families.ts';
import type { RouteRefreshMessage } from './messages.ts';
import type { Negotiated } from './negotiate.ts';
import type { PathAttributes } from './path-attributes.ts';
import { isLeak } from './roles.ts';
import { endOfRibFamily, type UpdateMessage } from './update.ts';

export interface InboundSetting {
  readonly localAs: number;
  readonly peerAs: number;
  readonly role: PeerRole | undefined;
}

const defaultPrefix: Readonly<Record<FamilyName, string>> = { ipv4: '0.0.0.0/0', ipv6: '::/0' };

// A router without a global address on a link says "::" in its place.
const isAddress = (hop: string) => hop !== '::';

interface Kept {
  readonly route: DefaultRoute;
  /** Not said again since a refresh began. */
  readonly isStale: boolean;
}

export class Inbound {
  readonly #setting: InboundSetting;
  readonly #families: readonly FamilyName[];
  readonly #defaults = new Map<FamilyName, Kept>();
  /** Families whose first set is not over: a peer that offers graceful restart marks its end (RFC 7313 4). */
  readonly #incomplete: Set<FamilyName>;

  constructor(setting: InboundSetting, { families, capabilities }: Negotiated) {
    this.#setting = setting;
    this.#families = families;
    this.#incomplete = new Set(hasCapability(capabilities.received, 'gracefulRestart') ? families : []);
  }

  get defaultRoutes(): readonly DefaultRoute[] {
    return [...this.#defaults.values()].map(({ route }) => route);
  }

  /** Whether a default route came, changed or went. */
  hear(message: UpdateMessage | RouteRefreshMessage, at: string): boolean {
    return message.kind === 'update' ? this.#update(message, at) : this.#mark(message);
  }

  #update(message: UpdateMessage, at: string): boolean {
    const { withdrawn, attributes, announced } = message;
    const { reach, unreach, nextHop } = attributes;
    const ended = endOfRibFamily(message);
    if (ended !== undefined) this.#incomplete.delete(ended);
    let changed = this.#gone('ipv4', withdrawn);
    if (unreach !== undefined) changed = this.#gone(unreach.family, unreach.prefixes) || changed;
    changed = this.#come({ family: 'ipv4', prefixes: announced, nextHops: [nextHop ?? ''] }, message, at) || changed;
    return reach === undefined ? changed : this.#come(reach, message, at) || changed;
  }

  #gone(family: FamilyName, prefixes: readonly string[]): boolean {
    return prefixes.includes(defaultPrefix[family]) && this.#defaults.delete(family);
  }

  #come(
    { family, prefixes, nextHops }: NonNullable<PathAttributes['reach']>,
    { attributes, faults }: UpdateMessage,
    at: string,
  ): boolean {
    const prefix = defaultPrefix[family];
    if (!this.#families.includes(family) || !prefixes.includes(prefix)) return false;
    if (faults.length > 0 || !this.#isUsable(attributes)) return this.#defaults.delete(family);
    const { asPath = [], communities = [] } = attributes;
    const said = { prefix, nextHop: nextHops.filter(isAddress).join(' '), asPath: pathText(asPath), communities };
    const before = this.#defaults.get(family)?.route;
    const isSame = before !== undefined && JSON.stringify({ ...before, at }) === JSON.stringify({ ...said, at });
    this.#defaults.set(family, { route: { ...said, at: isSame ? before.at : at }, isStale: false });
    return !isSame;
  }

  #isUsable({ asPath = [], onlyToCustomer }: PathAttributes): boolean {
    const { localAs, peerAs, role } = this.#setting;
    return !asPath.some(({ ases }) => ases.includes(localAs)) && !isLeak(role, onlyToCustomer, peerAs);
  }

  #mark({ afi, safi, subtype }: RouteRefreshMessage): boolean {
    const family = familyByCode(afi, safi)?.name;
    const kept = family === undefined ? undefined : this.#defaults.get(family);
    if (family === undefined || kept === undefined || this.#incomplete.has(family)) return false;
    if (subtype === refreshSubtype.begin) this.#defaults.set(family, { ...kept, isStale: true });
    return subtype === refreshSubtype.end && kept.isStale && this.#defaults.delete(family);
  }
}
