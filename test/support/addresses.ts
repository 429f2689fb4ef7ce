// Addresses as 16 bytes and as text, remembered: random tests turn the same few around millions of times. Pure to its callers.

import { addressBytes, addressText, familyOf, type Prefix } from '../../src/model/address.ts';

const bytesByText = new Map<string, Uint8Array>();
const textsByHex = new Map<string, string>();
const mappedStart = '::ffff:';

/** 16 bytes in network order, IPv4 mapped. Not to be written to. */
export function bytesOf(address: string): Uint8Array {
  const known = bytesByText.get(address);
  if (known !== undefined) return known;
  const bytes = addressBytes(address);
  bytesByText.set(address, bytes);
  return bytes;
}

/** Four bytes of an IPv4 address, sixteen of an IPv6 one. Not to be written to. */
export function wireBytesOf(address: string): Uint8Array {
  return familyOf(address) === 4 ? bytesOf(address).subarray(12) : bytesOf(address);
}

/** Canonical text of an IPv6 address; an IPv4-mapped one stays one. */
export function ipv6TextOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  const known = textsByHex.get(hex);
  if (known !== undefined) return known;
  const canonical = addressText(bytes);
  const text = canonical.includes(':') ? canonical : mappedStart + canonical;
  textsByHex.set(hex, text);
  return text;
}

export function isMapped(address: string): boolean {
  return address.startsWith(mappedStart);
}

export function holds({ address, length }: Prefix, candidate: string): boolean {
  const family = familyOf(address);
  if (family !== familyOf(candidate)) return false;
  const [wanted, got] = [wireBytesOf(address), wireBytesOf(candidate)];
  return wanted.every((byte, i) => {
    const kept = Math.max(0, Math.min(8, length - i * 8));
    return ((byte ^ (got[i] ?? 0)) & (0xff00 >> kept) & 0xff) === 0;
  });
}
