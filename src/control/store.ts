// What the node was told and what it observes: document, operators' overrides, health, next hops. The config worker's
// only state, changed by edits that replace whole values, so that an edit which turns out impossible is undone by
// putting the old value back.
//
// The revision counts accepted changes of intent (documents and overrides), never observations. Pure: time comes in as a number.

import type { Config } from '../config/config.ts';
import type { ReadDocument } from '../config/parse.ts';
import { ToriiError } from '../errors.ts';
import { backendKey, type NextHop } from '../model/backend.ts';
import { type HealthReport, type HealthTarget, healthKey, vipHealthKey } from '../model/health-check.ts';
import type { ObservedDevice, ObservedHealth } from './desired-pool.ts';
import { type Edit, noOverrides, type Overrides, type Targets, withChange, withoutExpired } from './overrides.ts';
import type { PeerPasswords } from './peer-passwords.ts';

export interface LoadedDocument {
  readonly source: string;
  readonly text: string;
  readonly config: Config;
  /** 64 hex digits. */
  readonly clusterSecret: string;
  readonly peerPasswords: PeerPasswords;
  readonly warnings: readonly string[];
  /** For the next one. */
  readonly read: ReadDocument;
}

/** Everything that people said. */
export interface Intent {
  readonly revision: number;
  readonly document: LoadedDocument;
  readonly overrides: Overrides;
}

export class Store {
  #intent: Intent | null = null;
  #health: ReadonlyMap<string, ObservedHealth> = new Map();
  #nextHops: ReadonlyMap<string, NextHop> = new Map();
  #devices: ReadonlyMap<string, ObservedDevice> = new Map();
  #targets: { readonly config: Config; readonly of: Targets } | undefined;

  /** Null before the first document. */
  get intent(): Intent | null {
    return this.#intent;
  }

  get observed() {
    return { health: this.#health, nextHops: this.#nextHops, devices: this.#devices };
  }

  /** The first document of this run. Its revision and overrides may come from an earlier one. */
  start(revision: number, document: LoadedDocument, overrides: Overrides = noOverrides): Intent {
    return this.put({ revision, document, overrides });
  }

  replaceDocument(document: LoadedDocument): Intent {
    const { revision, overrides } = this.#known();
    return this.put({ revision: revision + 1, document, overrides });
  }

  /** Throws not_found, bad_request or revision_stale; then nothing has changed. */
  change(edit: Edit): Intent {
    const { revision, document, overrides } = this.#known();
    const { ifRevision } = edit.context;
    if (ifRevision !== null && ifRevision !== revision) {
      throw new ToriiError(
        'revision_stale',
        `expected revision ${ifRevision}, the node is at ${revision}; look again, then repeat`,
      );
    }
    return this.put({
      revision: revision + 1,
      document,
      overrides: withChange(overrides, this.#targetsOf(document.config), edit),
    });
  }

  /** False when nothing had expired. */
  expire(nowMs: number): boolean {
    const intent = this.#known();
    const overrides = withoutExpired(intent.overrides, nowMs);
    if (overrides === intent.overrides) return false;
    this.put({ ...intent, revision: intent.revision + 1, overrides });
    return true;
  }

  /** Takes an earlier intent back into force, after a later one could not be applied. */
  put(intent: Intent): Intent {
    this.#intent = intent;
    return intent;
  }

  observeHealth(reports: readonly HealthReport[]): void {
    const health = new Map(this.#health);
    for (const { key, health: state, reason } of reports) health.set(key, { health: state, reason });
    this.#health = health;
  }

  observeNextHops(hops: readonly (readonly [address: string, hop: NextHop])[]): void {
    this.#nextHops = new Map([...this.#nextHops, ...hops]);
  }

  observeDevices(devices: readonly (readonly [name: string, device: ObservedDevice])[]): void {
    this.#devices = new Map([...this.#devices, ...devices]);
  }

  /** Drops observations of what is no longer asked about, so that a target that returns starts anew. */
  forget(healthKeys: ReadonlySet<string>, addresses: ReadonlySet<string>): void {
    if (this.#health.size > healthKeys.size) this.#health = new Map([...this.#health].filter(([key]) => healthKeys.has(key)));
    if (this.#nextHops.size > addresses.size) {
      this.#nextHops = new Map([...this.#nextHops].filter(([address]) => addresses.has(address)));
    }
  }

  #known(): Intent {
    if (this.#intent === null) throw new ToriiError('not_ready', 'no document is applied yet');
    return this.#intent;
  }

  #targetsOf(config: Config): Targets {
    if (this.#targets?.config !== config) this.#targets = { config, of: targetsOf(config) };
    return this.#targets.of;
  }
}

function targetsOf({ vips, localVips, pools }: Config): Targets {
  const names = new Set([...vips, ...localVips].map(({ name }) => name));
  const poolsOf = new Map<string, string[]>();
  const backends = new Set<string>();
  for (const { name, backends: members } of pools) {
    for (const { address } of members) {
      backends.add(backendKey(name, address));
      const list = poolsOf.get(address);
      if (list === undefined) poolsOf.set(address, [name]);
      else list.push(name);
    }
  }
  return {
    hasVip: (name) => names.has(name),
    hasBackend: (pool, address) => backends.has(backendKey(pool, address)),
    poolsOf: (address) => poolsOf.get(address) ?? [],
  };
}

/** What the health monitor has to probe. */
export function healthTargetsOf({ pools, localVips }: Config): readonly HealthTarget[] {
  const backends = pools.flatMap(({ name, healthCheck: check, backends: members }) =>
    check === null ? [] : members.map(({ address }) => ({ key: healthKey(name, address, check), address, check })),
  );
  const services = localVips.flatMap(({ name, healthCheck }) =>
    healthCheck === null ? [] : [{ key: vipHealthKey(name, healthCheck), ...healthCheck }],
  );
  return [...backends, ...services];
}

/** Addresses whose next hops are needed, each once. */
export function backendAddressesOf({ pools }: Config): readonly string[] {
  return [...new Set(pools.flatMap(({ backends }) => backends.map(({ address }) => address)))];
}
