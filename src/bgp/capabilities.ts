// Capabilities: what each side of a session says it can do (RFC 5492 and the registry behind it).
//
// Known ones are decoded; any other is kept as bytes, so that operators see it. A known capability of an impossible
// length is kept as unknown too: RFC 5492 asks to ignore what is not understood, never to end the session over it. Pure.

import { capabilityCode } from './constants.ts';
import { concatBytes, u16Bytes, u32Bytes } from './cursor.ts';
import { type Family, familyByCode } from './families.ts';

export type Capability =
  | { readonly kind: 'multiprotocol'; readonly afi: number; readonly safi: number }
  | { readonly kind: 'routeRefresh' }
  | { readonly kind: 'fourOctetAs'; readonly as: number }
  | { readonly kind: 'other'; readonly code: number; readonly value: Uint8Array };

const multiprotocolBytes = 4;
const asBytes = 4;
const maxValueBytes = 255;

function wireForm(capability: Capability): { readonly code: number; readonly value: Uint8Array } {
  switch (capability.kind) {
    case 'multiprotocol':
      return { code: capabilityCode.multiprotocol, value: Uint8Array.of(...u16Bytes(capability.afi), 0, capability.safi) };
    case 'routeRefresh':
      return { code: capabilityCode.routeRefresh, value: new Uint8Array(0) };
    case 'fourOctetAs':
      return { code: capabilityCode.fourOctetAs, value: Uint8Array.of(...u32Bytes(capability.as)) };
    case 'other':
      return capability;
  }
}

export function codeOf(capability: Capability): number {
  return wireForm(capability).code;
}

/** Code, length, value of each, one after the other. */
export function encodeCapabilities(capabilities: readonly Capability[]): Uint8Array {
  return concatBytes(
    capabilities.map((capability) => {
      const { code, value } = wireForm(capability);
      return Uint8Array.of(code, Math.min(value.length, maxValueBytes), ...value.subarray(0, maxValueBytes));
    }),
  );
}

function decodeOne(code: number, value: Uint8Array): Capability {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (code === capabilityCode.multiprotocol && value.length === multiprotocolBytes) {
    return { kind: 'multiprotocol', afi: view.getUint16(0), safi: view.getUint8(3) };
  }
  if (code === capabilityCode.routeRefresh && value.length === 0) return { kind: 'routeRefresh' };
  if (code === capabilityCode.fourOctetAs && value.length === asBytes) return { kind: 'fourOctetAs', as: view.getUint32(0) };
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

export function hasFamily(capabilities: readonly Capability[], family: Family): boolean {
  return capabilities.some(
    (capability) => capability.kind === 'multiprotocol' && capability.afi === family.afi && capability.safi === family.safi,
  );
}

/** For operators: "multiprotocol ipv4", "4-octet AS 65010", "capability 64". */
export function describeCapability(capability: Capability): string {
  switch (capability.kind) {
    case 'multiprotocol': {
      const family = familyByCode(capability.afi, capability.safi);
      return `multiprotocol ${family?.name ?? `afi ${capability.afi} safi ${capability.safi}`}`;
    }
    case 'routeRefresh':
      return 'route refresh';
    case 'fourOctetAs':
      return `4-octet AS ${capability.as}`;
    case 'other':
      return otherNames.get(capability.code) ?? `capability ${capability.code}`;
  }
}

const otherNames: ReadonlyMap<number, string> = new Map([
  [capabilityCode.extendedNextHop, 'extended next hop'],
  [capabilityCode.extendedMessage, 'extended message'],
  [capabilityCode.role, 'role'],
  [capabilityCode.gracefulRestart, 'graceful restart'],
  [capabilityCode.addPath, 'additional paths'],
  [capabilityCode.enhancedRouteRefresh, 'enhanced route refresh'],
  [capabilityCode.longLivedGracefulRestart, 'long-lived graceful restart'],
  [capabilityCode.hostname, 'hostname'],
]);
