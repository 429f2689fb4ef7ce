// Writes a snapshot's bytes: whole lines of 64, at the offsets that the native layout states. Pure.
//
// The order of sections is free; native code is told where each begins. Little-endian, as the packet path runs only
// there. Says nothing about what belongs in a snapshot: that is snapshot.ts.

import { addressBytes, familyOf, ipv4Word } from '../model/address.ts';
import { constantOf, type Layout, offsetsOf } from './layout.ts';

export class SnapshotWriter {
  readonly layout: Layout;
  readonly lineBytes: number;
  /** All zero at first. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;

  constructor(layout: Layout, lines: number) {
    this.layout = layout;
    this.lineBytes = constantOf(layout, 'LINE_BYTES');
    this.bytes = new Uint8Array(lines * this.lineBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  u8(at: number, value: number): void {
    this.view.setUint8(at, value);
  }

  u16(at: number, value: number): void {
    this.view.setUint16(at, value, true);
  }

  u32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  u64(at: number, value: bigint): void {
    this.view.setBigUint64(at, value, true);
  }

  raw(at: number, value: Uint8Array): void {
    this.bytes.set(value, at);
  }

  words(at: number, values: Uint32Array<ArrayBuffer>): void {
    new Uint32Array(this.bytes.buffer, at, values.length).set(values);
  }

  /** 16 bytes, IPv4 mapped. */
  address(at: number, address: string): void {
    if (familyOf(address) === 6) return this.raw(at, addressBytes(address));
    this.u16(at + 10, 0xffff);
    this.ipv4(at + 12, address);
  }

  ipv4(at: number, address: string): void {
    this.u32(at, ipv4Word(address));
  }

  /** "02:00:00:00:00:01" */
  mac(at: number, mac: string): void {
    for (let i = 0; i < 6; i++) this.u8(at + i, hexDigit(mac.charCodeAt(i * 3)) * 16 + hexDigit(mac.charCodeAt(i * 3 + 1)));
  }

  line(number: number): number {
    return number * this.lineBytes;
  }
}

/** Of a character's code, letters of either case. */
function hexDigit(code: number): number {
  return code < 0x40 ? code - 0x30 : (code | 0x20) - 0x57;
}

export type SectionName =
  | 'vip_index'
  | 'address'
  | 'vip'
  | 'backend'
  | 'pool'
  | 'tenant'
  | 'device'
  | 'profile'
  | 'range'
  | 'backend_index';

/** Where each section begins, in lines, and how long it and the whole are. */
export interface SectionPlan {
  readonly first: Readonly<Record<SectionName, number>>;
  readonly sizes: Readonly<Record<SectionName, number>>;
  readonly lines: number;
}

/** Sections follow each other in the order of `sizes`. */
export function planSections(layout: Layout, sizes: Readonly<Record<SectionName, number>>): SectionPlan {
  let lines = constantOf(layout, 'SNAPSHOT_FIRST_SECTION');
  const first = { ...sizes };
  for (const name of Object.keys(sizes) as SectionName[]) {
    first[name] = lines;
    lines += sizes[name];
  }
  return { first, sizes, lines };
}

/** Of an outer header, by the backend's family. */
export const outerBytes = { 4: 20, 6: 40 } as const;

/** What stands between the MACs and the length of an outer IPv4 header: EtherType 0x0800, 0x45, TOS 0, as bytes in memory. */
export const outerStart = 0x00450008;

const outerTtl = 64;
const ipipProtocol = 4;

/** Sum of all 16-bit words of an outer IPv4 header that do not depend on the packet, in memory order (native/core/encap.h). */
export function outerSum(source: string, destination: string): number {
  const dontFragment = 0x0040;
  const halves = (word: number): number => (word & 0xffff) + (word >>> 16);
  return dontFragment + (outerTtl | (ipipProtocol << 8)) + halves(ipv4Word(source)) + halves(ipv4Word(destination));
}

/** Offsets of every structure that a snapshot consists of, resolved once per layout. */
export function snapshotOffsets(layout: Layout) {
  return {
    header: offsetsOf(layout, 'snapshot_header', [
      'magic',
      'version',
      'lines',
      'vips',
      'backends',
      'pools',
      'tenants',
      'devices',
      'profiles',
      'ranges',
      'prefix_lengths',
    ]),
    prefixes: offsetsOf(layout, 'snapshot_prefixes', ['length']),
    sections: offsetsOf(layout, 'snapshot_sections', [
      'vip_index',
      'vip_index_mask',
      'address',
      'address_mask',
      'vip',
      'backend',
      'pool',
      'tenant',
      'device',
      'profile',
      'range',
      'backend_index',
      'backend_index_mask',
    ]),
    key: offsetsOf(layout, 'hash_key', ['nh', 'm0', 'm1']),
    mix: offsetsOf(layout, 'hash_mix', ['m2', 'm3', 'v4_a', 'v4_b']),
    node: offsetsOf(layout, 'snapshot_node', [
      'address6',
      'address4',
      'echo_burst',
      'echo_interval',
      'too_big_burst',
      'too_big_interval',
      'time_exceeded_burst',
      'time_exceeded_interval',
    ]),
    entropy: offsetsOf(layout, 'snapshot_entropy', ['prefix6', 'prefix4', 'host_mask4', 'host_mask6', 'has4', 'has6']),
    address: offsetsOf(layout, 'address', [
      'address',
      'used',
      'length',
      'any_tcp',
      'any_udp',
      'range',
      'ranges',
      'first_vip',
      'source_tcp',
      'source_udp',
    ]),
    range: offsetsOf(layout, 'range', ['vip', 'first', 'last', 'protocol']),
    vip: offsetsOf(layout, 'vip', [
      'address',
      'port',
      'protocol',
      'hash_mode',
      'encap',
      'flags',
      'profile',
      'index',
      'pool',
      'kept_pool',
      'tenant',
    ]),
    backend: offsetsOf(layout, 'backend', [
      'address',
      'dst_mac',
      'src_mac',
      'outer_start',
      'outer_src4',
      'outer_dst4',
      'outer_sum',
      'pool',
      'device',
      'mtu',
      'generation',
      'flags',
      'outer_bytes',
      'next_same',
    ]),
    pool: offsetsOf(layout, 'pool', ['slots', 'size']),
    tenant: offsetsOf(layout, 'tenant', ['interval', 'span', 'batch', 'flags']),
    device: offsetsOf(layout, 'device', ['mac', 'mtu']),
    profile: offsetsOf(layout, 'profile', ['probation_ms', 'established_ms', 'fin_ms', 'flags']),
  };
}
