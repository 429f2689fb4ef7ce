// The keyed hash of a flow, as native/core/hash.h has it: fingerprint, two bucket numbers and the table slot.
//
// Guarantees the same bits as C and BPF for the same key and tuple; docs/flow-hash.md is the specification of both, with
// vectors. NH (Black et al., UMAC, CRYPTO '99) with a Toeplitz second key. Pure, and slow (bigint): for `torii explain`, the
// oracle and the snapshot's unkeyed index, never for packets.

import { hkdfSync } from 'node:crypto';
import { addressBytes, familyOf, ipv4Word } from '../model/address.ts';

const KEY_INFO = 'torii flow hash v1';
const SECRET_BYTES = 32;
const NH_WORDS = 12;
const MULTIPLIERS = 4;
const U64 = 64;

export interface FlowKey {
  /** 12 words of 32 bits. */
  readonly nh: readonly number[];
  /** Odd multipliers of 64 bits. */
  readonly m0: bigint;
  readonly m1: bigint;
  readonly m2: bigint;
  readonly m3: bigint;
  /** Sums of the three products that are the same for every IPv4 tuple, under the first and the second key. */
  readonly v4a: bigint;
  readonly v4b: bigint;
}

/** Addresses are 16 bytes in network order, IPv4 mapped (::ffff:a.b.c.d); ports and protocol are plain numbers. */
export interface Tuple {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
}

export interface FlowHash {
  /** 64 bits. */
  readonly fp: bigint;
  /** 32 bits each; the flow table masks them. */
  readonly buckets: readonly [number, number];
}

type Words = readonly [number, number, number, number];

/** `secretHex` is the cluster's secret: 32 bytes as 64 hexadecimal digits. */
export function expandFlowKey(secretHex: string): FlowKey {
  const bytes = expandSecret(secretHex, KEY_INFO, NH_WORDS * 4 + MULTIPLIERS * 8);
  const nh = Array.from({ length: NH_WORDS }, (_, i) => bytes.getUint32(i * 4, true));
  const odd = (i: number): bigint => bytes.getBigUint64(NH_WORDS * 4 + i * 8, true) | 1n;
  const mapped: Words = [0, 0, 0xffff0000, 0];
  return {
    nh,
    m0: odd(0),
    m1: odd(1),
    m2: odd(2),
    m3: odd(3),
    v4a: upperProducts(nh, mapped, mapped, 0),
    v4b: upperProducts(nh, mapped, mapped, 2),
  };
}

/** HKDF-SHA256 (RFC 5869) of the cluster's secret without salt: the one way to a key for one purpose. */
export function expandSecret(secretHex: string, info: string, length: number): DataView {
  if (!/^[0-9a-f]{64}$/i.test(secretHex)) throw new RangeError(`cluster secret: expected ${SECRET_BYTES * 2} hexadecimal digits`);
  return new DataView(hkdfSync('sha256', Buffer.from(secretHex, 'hex'), '', info, length));
}

export function flowHash(key: FlowKey, tuple: Tuple): FlowHash {
  const source = words(tuple.source);
  const destination = words(tuple.destination);
  const ports = wirePort(tuple.sourcePort) | (wirePort(tuple.destinationPort) << 16);
  const sum = (first: number): bigint =>
    BigInt.asUintN(
      U64,
      upperProducts(key.nh, source, destination, first) +
        product(key.nh, first + 6, source[3], destination[3]) +
        product(key.nh, first + 8, ports >>> 0, tuple.protocol),
    );
  const a = sum(0);
  const b = sum(2);
  let z = BigInt.asUintN(U64, (a ^ rotate32(b)) * key.m2);
  z ^= z >> 32n;
  z = BigInt.asUintN(U64, z * 0x9e3779b97f4a7c15n);
  z ^= z >> 29n;
  return {
    fp: BigInt.asUintN(U64, a * key.m0 + b * key.m1),
    buckets: [Number(z & 0xffffffffn), Number(z >> 32n)],
  };
}

/** The 32-bit number whose remainder by a table's size is the flow's slot. */
export function slotHash(key: FlowKey, fp: bigint): number {
  return Number(BigInt.asUintN(U64, (fp ^ (fp >> 32n)) * key.m3) >> 32n);
}

/** `rest` of hashDestination for a VIP of one port. */
export function portKey(protocol: number, port: number): number {
  return wirePort(port) | (protocol << 16);
}

/** `rest` of hashDestination for an address or prefix; `length` counts the 96 bits before an IPv4 address. */
export function addressKey(length: number): number {
  return (0xff000000 | length) >>> 0;
}

/** Where the snapshot's indices keep a destination: 32 bits, not keyed. `rest` is portKey or addressKey. */
export function hashDestination(destination: Uint8Array, rest: number): number {
  const [d0, d1, d2, d3] = words(destination);
  return mix(Math.imul(d0, 0x27d4eb2f) ^ Math.imul(d1, 0xc2b2ae3d) ^ Math.imul(d2, 0x85ebca77), d3, rest);
}

/** hashDestination of an address's text: an IPv4 one needs no bytes made for it. */
export function hashAddress(address: string, rest: number): number {
  if (familyOf(address) === 6) return hashDestination(addressBytes(address), rest);
  return mix(Math.imul(0xffff0000, 0x85ebca77), ipv4Word(address), rest);
}

function mix(upper: number, last: number, rest: number): number {
  let h = upper ^ Math.imul(last, 0x9e3779b1) ^ Math.imul(rest, 0x165667b1);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  h ^= h >>> 12;
  h = Math.imul(h, 0x297a2d39);
  h ^= h >>> 15;
  return h >>> 0;
}

/** One NH pair: two words of the message, each plus its word of the key modulo 2^32, multiplied to 64 bits. */
function product(nh: readonly number[], at: number, left: number, right: number): bigint {
  return BigInt((left + (nh[at] ?? 0)) >>> 0) * BigInt((right + (nh[at + 1] ?? 0)) >>> 0);
}

/** The three pairs of the addresses' first three words, from key word `first` on. */
function upperProducts(nh: readonly number[], source: Words, destination: Words, first: number): bigint {
  return BigInt.asUintN(
    U64,
    product(nh, first, source[0], destination[0]) +
      product(nh, first + 2, source[1], destination[1]) +
      product(nh, first + 4, source[2], destination[2]),
  );
}

function words(address: Uint8Array): Words {
  const view = new DataView(address.buffer, address.byteOffset, 16);
  return [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true), view.getUint32(12, true)];
}

/** A port's two bytes on the wire, read as a little-endian number. */
function wirePort(port: number): number {
  return ((port & 0xff) << 8) | (port >>> 8);
}

function rotate32(value: bigint): bigint {
  return BigInt.asUintN(U64, value << 32n) | (value >> 32n);
}
