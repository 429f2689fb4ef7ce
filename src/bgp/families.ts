// Address families as data, and their prefixes on the wire (RFC 4271 4.3, RFC 4760 5).
//
// A prefix is one byte of length in bits and as many bytes as those bits need. Everything that differs between IPv4 and
// IPv6 in BGP starts from a Family value, so that another family is another row. Pure.

import ipaddr from 'ipaddr.js';
import { addressBytes, familyOf, parsePrefix } from '../model/address.ts';
import { errorCode, updateError } from './constants.ts';
import { NotificationError } from './notification.ts';

export type FamilyName = 'ipv4' | 'ipv6';

export interface Family {
  readonly name: FamilyName;
  /** RFC 4760 address family identifier; the subsequent one is unicast for both. */
  readonly afi: number;
  readonly safi: number;
  readonly addressBytes: 4 | 16;
}

export const families: Readonly<Record<FamilyName, Family>> = {
  ipv4: { name: 'ipv4', afi: 1, safi: 1, addressBytes: 4 },
  ipv6: { name: 'ipv6', afi: 2, safi: 1, addressBytes: 16 },
};

export function familyByCode(afi: number, safi: number): Family | undefined {
  return Object.values(families).find((family) => family.afi === afi && family.safi === safi);
}

export function familyOfAddress(address: string): Family {
  return familyOf(address) === 4 ? families.ipv4 : families.ipv6;
}

/** Network-order bytes of an address in its own family: 4 or 16. */
export function wireAddress(address: string): Uint8Array {
  const mapped = addressBytes(address);
  return familyOf(address) === 4 ? mapped.slice(12) : mapped;
}

/** Text of 4 or 16 network-order bytes. */
export function wireAddressText(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : (ipaddr.fromByteArray([...bytes]) as ipaddr.IPv6).toRFC5952String();
}

export interface WirePrefix {
  readonly family: Family;
  readonly nlri: Uint8Array;
}

/** "203.0.113.10/32" as it goes into an UPDATE, or undefined when it is no prefix. */
export function encodePrefix(text: string): WirePrefix | undefined {
  const prefix = parsePrefix(text);
  if (prefix === undefined) return undefined;
  const significant = wireAddress(prefix.address).subarray(0, Math.ceil(prefix.length / 8));
  const nlri = new Uint8Array(1 + significant.length);
  nlri[0] = prefix.length;
  nlri.set(significant, 1);
  return { family: familyOfAddress(prefix.address), nlri };
}

/** All prefixes of an NLRI or withdrawn-routes field. @throws NotificationError 3/10 when the field cannot be cut into prefixes. */
export function decodePrefixes(bytes: Uint8Array, family: Family): string[] {
  const prefixes: string[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const bits = bytes[offset] ?? 0;
    const end = offset + 1 + Math.ceil(bits / 8);
    if (bits > family.addressBytes * 8 || end > bytes.length) {
      const what = `${family.name} prefix: ${bits} bits with ${bytes.length - offset - 1} bytes left`;
      throw new NotificationError(errorCode.update, updateError.invalidNetwork, what);
    }
    const address = new Uint8Array(family.addressBytes);
    address.set(bytes.subarray(offset + 1, end));
    clearHostBits(address, bits);
    prefixes.push(`${wireAddressText(address)}/${bits}`);
    offset = end;
  }
  return prefixes;
}

// RFC 4271 4.3: "the value of trailing bits is irrelevant".
function clearHostBits(address: Uint8Array, bits: number): void {
  const last = bits >> 3;
  if (last < address.length) address[last] = (address[last] ?? 0) & (0xff00 >> (bits & 7)) & 0xff;
}
