// What the oracle needs of a Desired, by name: VIPs by destination, backends with their lives, the table of each pool.
//
// Tables are filled by steering/maglev.ts, the reference that native filling is compared with; hashes come from
// steering/flow-hash.ts. Both are format, specified byte by byte, so there is nothing to write twice.

import { isHostPrefix } from '../../src/model/address.ts';
import { backendKey } from '../../src/model/backend.ts';
import type { Desired, DesiredBackend, DesiredPool, DesiredVip } from '../../src/model/desired.ts';
import { isAnyPort } from '../../src/model/vip.ts';
import { expandFlowKey, type FlowHash, type FlowKey, flowHash, slotHash, type Tuple } from '../../src/steering/flow-hash.ts';
import { expandMaglevKey, fillTable, type MaglevMember, refillTable } from '../../src/steering/maglev.ts';
import { bytesOf, holds } from '../support/addresses.ts';
import { isEntropySource } from './entropy.ts';
import { protocols } from './parse.ts';

export interface Flow {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
}

const noAddress = new Uint8Array(16);

export class Tables {
  readonly desired: Desired;
  readonly #flowKey: FlowKey;
  readonly #maglevKey: Uint8Array;
  /** By address, then those of prefixes by prefix, longest first. */
  readonly #vipsByAddress = new Map<string, DesiredVip[]>();
  readonly #vipsByPrefix: (readonly DesiredVip[])[];
  readonly #backends = new Map<string, DesiredBackend>();
  readonly #lives = new Map<string, number>();
  readonly #vipLives = new Map<string, number>();
  readonly #pools = new Map<string, DesiredPool>();
  /** Filled when first asked for. */
  readonly #slots = new Map<string, readonly (DesiredBackend | undefined)[]>();

  /** `before` is what was in force until now: a backend that it had lives on. `generation` grows by one each time. */
  constructor(desired: Desired, generation: number, before: Tables | undefined) {
    this.desired = desired;
    this.#flowKey = expandFlowKey(desired.clusterSecret);
    this.#maglevKey = expandMaglevKey(desired.clusterSecret);
    const prefixes = new Map<string, DesiredVip[]>();
    for (const vip of desired.vips) {
      const { address, length } = vip.prefix;
      const [map, key] = isHostPrefix(vip.prefix) ? [this.#vipsByAddress, address] : [prefixes, `${address}/${length}`];
      map.set(key, [...(map.get(key) ?? []), vip]);
      this.#vipLives.set(vip.name, before?.vip(vip.name)?.life ?? generation);
    }
    this.#vipsByPrefix = [...prefixes.values()].sort((a, b) => lengthOf(b) - lengthOf(a));
    for (const pool of desired.pools) {
      this.#pools.set(pool.name, pool);
      for (const backend of pool.backends) {
        const key = backendKey(backend.pool, backend.address);
        this.#backends.set(key, backend);
        this.#lives.set(key, before?.backend(key)?.incarnation ?? generation);
      }
    }
  }

  /**
   * VIPs at a destination: its own alone where it has any, else those of each prefix that holds it, longest first. Empty: not
   * ours.
   */
  vipsAt(address: string): readonly (readonly DesiredVip[])[] {
    const own = this.#vipsByAddress.get(address);
    return own === undefined ? this.#vipsByPrefix.filter(([vip]) => vip !== undefined && holds(vip.prefix, address)) : [own];
  }

  /** The VIP of this very port, else of a range that has it, else of any port. */
  vipOf({ destination, destinationPort, protocol }: Flow): DesiredVip | undefined {
    for (const vips of this.vipsAt(destination)) {
      const candidates = vips.filter(
        ({ protocol: name, ports }) =>
          protocols[name] === protocol && ports.first <= destinationPort && destinationPort <= ports.last,
      );
      const vip = candidates.find(({ ports }) => !isAnyPort(ports)) ?? candidates[0];
      if (vip !== undefined) return vip;
    }
    return undefined;
  }

  /** A VIP that stands for every one that may own a packet of this protocol to there, since all hash by source to one pool. */
  speakerAt(destination: string, protocol: number): DesiredVip | undefined {
    const levels = this.vipsAt(destination).map((vips) => vips.filter((vip) => protocols[vip.protocol] === protocol));
    const last = levels.findIndex((vips) => vips.some(({ ports }) => isAnyPort(ports)));
    const [first, ...others] = levels.slice(0, last < 0 ? levels.length : last + 1).flat();
    if (first?.hash !== 'source') return undefined;
    return others.every(({ hash, activePool }) => hash === 'source' && activePool === first.activePool) ? first : undefined;
  }

  vip(name: string): { readonly vip: DesiredVip; readonly life: number } | undefined {
    const vip = this.desired.vips.find((each) => each.name === name);
    return vip && { vip, life: this.#vipLives.get(name) ?? 0 };
  }

  backendsAt(address: string): readonly DesiredBackend[] {
    return [...this.#backends.values()].filter((backend) => backend.address === address);
  }

  backend(key: string): { readonly backend: DesiredBackend; readonly incarnation: number } | undefined {
    const backend = this.#backends.get(key);
    return backend && { backend, incarnation: this.#lives.get(key) ?? 0 };
  }

  /** Which life of a backend this is. */
  lifeOf({ pool, address }: DesiredBackend): number {
    return this.backend(backendKey(pool, address))?.incarnation ?? 0;
  }

  /** An outer source of this node. */
  isOwn(address: string): boolean {
    const { node } = this.desired;
    return address === node.address || address === node.address6 || isEntropySource(node.entropy, address);
  }

  hashOf(flow: Flow): FlowHash {
    return flowHash(this.#flowKey, tupleOf(flow));
  }

  /** What the table of the VIP's active pool says of a new flow. A narrower hash sees nothing but its field. */
  choose(vip: DesiredVip, flow: Flow): DesiredBackend | undefined {
    const tuple = tupleOf(flow);
    const onlyField = { source: noAddress, destination: noAddress, sourcePort: 0, destinationPort: 0, protocol: 0 };
    const kept =
      vip.hash === '5tuple'
        ? tuple
        : vip.hash === 'source'
          ? { ...onlyField, source: tuple.source }
          : { ...onlyField, destinationPort: tuple.destinationPort };
    return this.choiceFor(vip.activePool, flowHash(this.#flowKey, kept).fp);
  }

  choiceFor(pool: string, fingerprint: bigint): DesiredBackend | undefined {
    const slots = this.#slotsOf(pool);
    return slots[slotHash(this.#flowKey, fingerprint) % slots.length];
  }

  #slotsOf(name: string): readonly (DesiredBackend | undefined)[] {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const pool = this.#pools.get(name);
    if (pool === undefined) return [];
    const members = pool.backends.map(
      ({ address, weight, takesNewFlows }, i): MaglevMember => ({
        identity: bytesOf(address),
        weight,
        takesNew: takesNewFlows,
        backend: i + 1,
      }),
    );
    const filled = fillTable(members, pool.tableSize, this.#maglevKey);
    const slots = [...refillTable(filled, members, this.#maglevKey)].map((number) => pool.backends[number - 1]);
    this.#slots.set(name, slots);
    return slots;
  }
}

function lengthOf([vip]: readonly DesiredVip[]): number {
  return vip?.prefix.length ?? 0;
}

function tupleOf({ source, destination, ...rest }: Flow): Tuple {
  return { ...rest, source: bytesOf(source), destination: bytesOf(destination) };
}
