// Maglev tables, written for clearness: the oracle that native/dataplane/maglev.c is compared with, slot for slot.
//
// A table is a pure function of the set of members, the size and the cluster's key (Eisenbud et al., NSDI '16, section 3.4,
// with weights): the order in which members are given and the order of events before change nothing. docs/maglev.md has the
// definition. Pure; every round looks at every member, so nothing but tests and `torii explain` should fill large tables here.

import { expandSecret } from './flow-hash.ts';

const KEY_INFO = 'torii maglev v1';
const KEY_BYTES = 16;
const IDENTITY_BYTES = 16;
const U64 = 64;

export interface MaglevMember {
  /** The backend's address, 16 bytes in network order, IPv4 mapped. Unique within a pool. */
  readonly identity: Uint8Array;
  /** 0: not in the table at all. At most 2^32 - 1. */
  readonly weight: number;
  /** Whether it may get new flows: not down, draining or disabled. Matters to refill only. */
  readonly takesNew: boolean;
  /** What the table's slots say for this member; never 0. */
  readonly backend: number;
}

/** A member on its walk through the slots: offset, offset + skip, offset + 2 skip … modulo the size. */
export interface Seat {
  readonly offset: number;
  readonly skip: number;
  readonly weight: number;
  readonly backend: number;
}

/** The key of all permutations: 16 bytes by HKDF from the cluster's secret. */
export function expandMaglevKey(secretHex: string): Uint8Array {
  const { buffer } = expandSecret(secretHex, KEY_INFO, KEY_BYTES);
  return new Uint8Array(buffer);
}

/** The table over all members of weight > 0; all zero when there is none. `size` is prime. */
export function fillTable(members: readonly MaglevMember[], size: number, key: Uint8Array): Uint16Array {
  return giveTurns(new Uint16Array(size), seatsOf(members, size, key));
}

/** The table in force: `filled`, with the slots of members that take no new flows given to those that do. */
export function refillTable(filled: Uint16Array, members: readonly MaglevMember[], key: Uint8Array): Uint16Array {
  const takers = members.filter((member) => member.takesNew && member.weight > 0);
  const kept = new Set(takers.map((member) => member.backend));
  const slots = filled.map((backend) => (kept.has(backend) ? backend : 0));
  return giveTurns(slots, seatsOf(takers, filled.length, key));
}

/**
 * Gives every empty slot away, in rounds: after round r a seat has had floor(r × weight / largest weight) turns, and a turn
 * takes the next slot of the seat's walk that is still empty. Within a round the seats' order decides. Changes `slots`.
 */
export function giveTurns(slots: Uint16Array, seats: readonly Seat[]): Uint16Array {
  let empty = slots.filter((backend) => backend === 0).length;
  const largest = Math.max(...seats.map((seat) => seat.weight));
  const places = seats.map((seat) => seat.offset);
  for (let round = 1; empty > 0 && seats.length > 0; round++) {
    for (const [i, seat] of seats.entries()) {
      const turns = Math.floor((round * seat.weight) / largest) - Math.floor(((round - 1) * seat.weight) / largest);
      if (turns === 0 || empty === 0) continue;
      let place = places[i] ?? 0;
      while (slots[place] !== 0) place = (place + seat.skip) % slots.length;
      slots[place] = seat.backend;
      places[i] = (place + seat.skip) % slots.length;
      empty--;
    }
  }
  return slots;
}

/** Offset 0 … size - 1 and skip 1 … size - 1 from the two halves of the member's keyed hash. */
function permutation(hash: bigint, size: number): Pick<Seat, 'offset' | 'skip'> {
  return { offset: Number((hash >> 32n) % BigInt(size)), skip: Number((hash & 0xffffffffn) % BigInt(size - 1)) + 1 };
}

/** 64 bits that say which member each slot names, whatever the node's indices are: equal tables on two nodes agree. */
export function tableChecksum(slots: Uint16Array, members: readonly MaglevMember[], key: Uint8Array): bigint {
  const hashes = new Map(members.map((member) => [member.backend, identityHash(key, member.identity)]));
  let sum = BigInt(slots.length);
  for (const backend of slots) {
    sum = BigInt.asUintN(U64, (sum ^ (hashes.get(backend) ?? 0n)) * 0x9e3779b97f4a7c15n);
    sum ^= sum >> 32n;
  }
  return sum;
}

function seatsOf(members: readonly MaglevMember[], size: number, key: Uint8Array): Seat[] {
  return members
    .filter((member) => member.weight > 0)
    .sort((a, b) => Buffer.compare(a.identity, b.identity))
    .map(({ identity, weight, backend }) => ({ ...permutation(identityHash(key, identity), size), weight, backend }));
}

/** SipHash-2-4 (Aumasson, Bernstein 2012) of the 16 bytes. */
export function identityHash(key: Uint8Array, identity: Uint8Array): bigint {
  const k = new DataView(key.buffer, key.byteOffset, KEY_BYTES);
  const m = new DataView(identity.buffer, identity.byteOffset, IDENTITY_BYTES);
  const [k0, k1] = [k.getBigUint64(0, true), k.getBigUint64(8, true)];
  let v: SipState = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  for (const word of [m.getBigUint64(0, true), m.getBigUint64(8, true), BigInt(IDENTITY_BYTES) << 56n]) {
    v = sipRounds([v[0], v[1], v[2], v[3] ^ word], 2);
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  v = sipRounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

type SipState = [bigint, bigint, bigint, bigint];

function sipRounds([v0, v1, v2, v3]: SipState, count: number): SipState {
  const add = (a: bigint, b: bigint): bigint => BigInt.asUintN(U64, a + b);
  const rotate = (a: bigint, bits: bigint): bigint => BigInt.asUintN(U64, a << bits) | (a >> (64n - bits));
  for (let i = 0; i < count; i++) {
    v0 = add(v0, v1);
    v2 = add(v2, v3);
    v1 = rotate(v1, 13n) ^ v0;
    v3 = rotate(v3, 16n) ^ v2;
    v0 = rotate(v0, 32n);
    v2 = add(v2, v1);
    v0 = add(v0, v3);
    v1 = rotate(v1, 17n) ^ v2;
    v3 = rotate(v3, 21n) ^ v0;
    v2 = rotate(v2, 32n);
  }
  return [v0, v1, v2, v3];
}
