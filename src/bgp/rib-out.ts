// What one peer has been told and what it should be told: RFC 4271's Adj-RIB-Out.
//
// Per prefix only the newest state is kept, so a peer that does not read costs memory for its prefixes and no more, and
// never sees a state that was overtaken. Pure: the session decides when to take the next messages.

import { encodePrefix, type FamilyName, type WirePrefix } from './families.ts';
import { policyKey, type RoutePolicy } from './policy.ts';

export interface Route extends WirePrefix {
  readonly prefix: string;
  readonly policy: RoutePolicy;
  /** policyKey() of `policy`. */
  readonly key: string;
}

/** By prefix. Shared by all sessions and never changed once made. */
export type Routes = ReadonlyMap<string, Route>;

/** Undefined when `prefix` is none. `known` is the route of the same prefix before, if any: it saves taking it apart again. */
export function makeRoute(prefix: string, policy: RoutePolicy, known?: Route): Route | undefined {
  const key = policyKey(policy);
  if (known?.key === key) return known;
  const wire = known ?? encodePrefix(prefix);
  return wire === undefined ? undefined : { family: wire.family, nlri: wire.nlri, prefix, policy, key };
}

/** Routes that leave together: one family, one set of attributes (or none: withdrawn). */
export interface Batch {
  readonly family: FamilyName;
  readonly policy: RoutePolicy | undefined;
  readonly routes: readonly Route[];
}

// Told, but not with what: forces the next take() to tell it again.
const stale = '';

export class RibOut {
  #wanted: Routes = new Map();
  /** What the peer holds: the route with the key it was told. */
  readonly #told = new Map<string, { readonly route: Route; readonly key: string }>();
  #dirty = new Set<string>();
  #families: ReadonlySet<FamilyName> = new Set();

  /** Prefixes that the peer holds. */
  get announced(): number {
    return this.#told.size;
  }

  get isClean(): boolean {
    return this.#dirty.size === 0;
  }

  /** From now on routes of these families and no others are at the peer. */
  serve(families: readonly FamilyName[]): void {
    this.#families = new Set(families);
    this.want(this.#wanted);
  }

  /** From now on exactly these routes should be at the peer. */
  want(routes: Routes): void {
    this.#wanted = routes;
    this.#dirty = new Set();
    for (const prefix of this.#told.keys()) if (this.#due(prefix) === undefined) this.#dirty.add(prefix);
    for (const { prefix, key } of routes.values()) {
      if (this.#due(prefix) !== undefined && this.#told.get(prefix)?.key !== key) this.#dirty.add(prefix);
    }
  }

  /** What the peer should hold. */
  #due(prefix: string): Route | undefined {
    const route = this.#wanted.get(prefix);
    return route !== undefined && this.#families.has(route.family.name) ? route : undefined;
  }

  /** Everything has to be told again: the peer asked for it, or the attributes came to mean something else. */
  refresh(family?: FamilyName): void {
    for (const [prefix, { route }] of this.#told) {
      if (family !== undefined && route.family.name !== family) continue;
      this.#told.set(prefix, { route, key: stale });
      this.#dirty.add(prefix);
    }
  }

  /** All that differs, as batches, withdrawals first. They count as told once markTold() says so. */
  pending(): Batch[] {
    const batches = new Map<string, { family: FamilyName; policy: RoutePolicy | undefined; routes: Route[] }>();
    for (const prefix of this.#dirty) {
      const wanted = this.#due(prefix);
      const route = wanted ?? this.#told.get(prefix)?.route;
      if (route === undefined) continue;
      const family = route.family.name;
      const id = `${family} ${wanted === undefined ? 'withdrawn' : wanted.key}`;
      let batch = batches.get(id);
      if (batch === undefined) {
        batch = { family, policy: wanted?.policy, routes: [] };
        batches.set(id, batch);
      }
      batch.routes.push(route);
    }
    return [...batches.values()].sort((a, b) => Number(a.policy !== undefined) - Number(b.policy !== undefined));
  }

  /** These routes of a batch went out. */
  markTold(routes: readonly Route[], withdrawn: boolean): void {
    for (const route of routes) {
      this.#dirty.delete(route.prefix);
      if (withdrawn) this.#told.delete(route.prefix);
      else this.#told.set(route.prefix, { route, key: route.key });
    }
  }
}
