// Capabilities: what each side of a session says it can do (RFC 5492 and the registry behind it).
//
// Known ones are decoded; any other is kept as bytes, so that operators see it. A known capability of an impossible
// length is kept as unknown too: RFC 5492 asks to ignore what is not understood, never to end the session over it. Pure.

import { capabilityCode } from './constants.ts';
import { Cursor, concatBytes, u16Bytes, u32Bytes } from './cursor.ts';
import type { Family } from './families.ts';
import { printableText } from './printable.ts';

/** RFC 8950: NLRI of this family may have a next hop of that one. */
export interface NextHopEncoding {
  readonly afi: number;
  readonly safi: number;
  readonly nextHopAfi: number;
}

/** RFC 4724: flags has 0x80 where forwarding survived. */
export interface RestartFamily {
  readonly afi: number;
  readonly safi: number;
  readonly flags: number;
}

export type Capability =
  | { readonly kind: 'multiprotocol'; readonly afi: number; readonly safi: number }
  | { readonly kind: 'routeRefresh' }
  | { readonly kind: 'extendedNextHop'; readonly encodings: readonly NextHopEncoding[] }
  | { readonly kind: 'extendedMessage' }
  /** RFC 9234: as on the wire; roles.ts knows the names. */
  | { readonly kind: 'role'; readonly role: number }
  /** RFC 4724; flags are four bits, 0x8 for "is restarting", 0x4 for notifications that do not end it (RFC 8538). */
  | {
      readonly kind: 'gracefulRestart';
      readonly flags: number;
      readonly restartTimeSec: number;
      readonly families: readonly RestartFamily[];
    }
  | { readonly kind: 'fourOctetAs'; readonly as: number }
  | { readonly kind: 'enhancedRouteRefresh' }
  | { readonly kind: 'hostname'; readonly hostname: string; readonly domain: string }
  | { readonly kind: 'other'; readonly code: number; readonly value: Uint8Array };

const maxValueBytes = 255;
const maxNameBytes = 64;
const nothing = new Uint8Array(0);

function lengthAndText(text: string): Uint8Array {
  const bytes = new Uint8Array(1 + maxNameBytes);
  const { written } = new TextEncoder().encodeInto(text, bytes.subarray(1));
  bytes[0] = written;
  return bytes.subarray(0, 1 + written);
}

function wireValue(capability: Capability): Uint8Array {
  switch (capability.kind) {
    case 'multiprotocol':
      return Uint8Array.of(...u16Bytes(capability.afi), 0, capability.safi);
    case 'extendedNextHop':
      return Uint8Array.from(
        capability.encodings.flatMap(({ afi, safi, nextHopAfi }) => [
          ...u16Bytes(afi),
          ...u16Bytes(safi),
          ...u16Bytes(nextHopAfi),
        ]),
      );
    case 'role':
      return Uint8Array.of(capability.role);
    case 'gracefulRestart': {
      const families = capability.families.flatMap(({ afi, safi, flags }) => [...u16Bytes(afi), safi, flags]);
      return Uint8Array.of(...u16Bytes((capability.flags << 12) | capability.restartTimeSec), ...families);
    }
    case 'fourOctetAs':
      return Uint8Array.of(...u32Bytes(capability.as));
    case 'hostname':
      return concatBytes([lengthAndText(capability.hostname), lengthAndText(capability.domain)]);
    case 'other':
      return capability.value;
    case 'routeRefresh':
    case 'extendedMessage':
    case 'enhancedRouteRefresh':
      return nothing;
  }
}

export function codeOf(capability: Capability): number {
  return capability.kind === 'other' ? capability.code : capabilityCode[capability.kind];
}

/** Code, length, value of one. */
export function encodeCapability(capability: Capability): Uint8Array {
  const value = wireValue(capability).subarray(0, maxValueBytes);
  return Uint8Array.of(codeOf(capability), value.length, ...value);
}

export function encodeCapabilities(capabilities: readonly Capability[]): Uint8Array {
  return concatBytes(capabilities.map(encodeCapability));
}

class WrongLength extends Error {}

// By code: what the value says. Bytes that are missing or left over make the capability an unknown one.
const decoders: ReadonlyMap<number, (cursor: Cursor) => Capability> = new Map<number, (cursor: Cursor) => Capability>([
  [capabilityCode.multiprotocol, decodeMultiprotocol],
  [capabilityCode.routeRefresh, () => ({ kind: 'routeRefresh' })],
  [capabilityCode.extendedNextHop, decodeExtendedNextHop],
  [capabilityCode.extendedMessage, () => ({ kind: 'extendedMessage' })],
  [capabilityCode.role, (cursor) => ({ kind: 'role', role: cursor.u8() })],
  [capabilityCode.gracefulRestart, decodeGracefulRestart],
  [capabilityCode.fourOctetAs, (cursor) => ({ kind: 'fourOctetAs', as: cursor.u32() })],
  [capabilityCode.enhancedRouteRefresh, () => ({ kind: 'enhancedRouteRefresh' })],
  [capabilityCode.hostname, decodeHostname],
]);

function decodeMultiprotocol(cursor: Cursor): Capability {
  const afi = cursor.u16();
  cursor.u8();
  return { kind: 'multiprotocol', afi, safi: cursor.u8() };
}

function decodeExtendedNextHop(cursor: Cursor): Capability {
  const encodings: NextHopEncoding[] = [];
  while (cursor.remaining > 0) encodings.push({ afi: cursor.u16(), safi: cursor.u16(), nextHopAfi: cursor.u16() });
  return { kind: 'extendedNextHop', encodings };
}

function decodeGracefulRestart(cursor: Cursor): Capability {
  const lead = cursor.u16();
  const families: RestartFamily[] = [];
  while (cursor.remaining > 0) families.push({ afi: cursor.u16(), safi: cursor.u8(), flags: cursor.u8() });
  return { kind: 'gracefulRestart', flags: lead >> 12, restartTimeSec: lead & 0xfff, families };
}

function decodeHostname(cursor: Cursor): Capability {
  const hostname = printableText(cursor.take(cursor.u8()));
  return { kind: 'hostname', hostname, domain: printableText(cursor.take(cursor.u8())) };
}

function decodeOne(code: number, value: Uint8Array): Capability {
  const cursor = new Cursor(value, () => new WrongLength());
  try {
    const known = decoders.get(code)?.(cursor);
    if (known !== undefined && cursor.remaining === 0) return known;
  } catch (error) {
    if (!(error instanceof WrongLength)) throw error;
  }
  return { kind: 'other', code, value };
}

/** The capabilities of one optional parameter, or undefined when their lengths do not add up. */
export function decodeCapabilities(bytes: Uint8Array): Capability[] | undefined {
  const capabilities: Capability[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const code = bytes[offset] ?? 0;
    const length = bytes[offset + 1];
    if (length === undefined || offset + 2 + length > bytes.length) return undefined;
    capabilities.push(decodeOne(code, bytes.slice(offset + 2, offset + 2 + length)));
    offset += 2 + length;
  }
  return capabilities;
}

export function hasCapability(capabilities: readonly Capability[], kind: Capability['kind']): boolean {
  return capabilities.some((capability) => capability.kind === kind);
}

export function hasFamily(capabilities: readonly Capability[], family: Family): boolean {
  return capabilities.some(
    (capability) => capability.kind === 'multiprotocol' && capability.afi === family.afi && capability.safi === family.safi,
  );
}

/** RFC 8950: IPv4 unicast routes may have IPv6 next hops. */
export const ipv4OverIpv6: NextHopEncoding = { afi: 1, safi: 1, nextHopAfi: 2 };

export function hasIpv4OverIpv6(capabilities: readonly Capability[]): boolean {
  const { afi, safi, nextHopAfi } = ipv4OverIpv6;
  return capabilities.some(
    (capability) =>
      capability.kind === 'extendedNextHop' &&
      capability.encodings.some((one) => one.afi === afi && one.safi === safi && one.nextHopAfi === nextHopAfi),
  );
}
