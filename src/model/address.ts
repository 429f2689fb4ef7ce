// IP addresses and prefixes as canonical text, and their 16-byte form.
//
// Everywhere above the packet path an address is its canonical text (RFC 5952 for IPv6), so equality is string
// equality. Below, it is 16 bytes in network order, IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). Pure.

import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

export type Family = 4 | 6;

/**
 * Canonical text of an IPv4 or IPv6 address without zone, or undefined. Octal and short forms are refused, and so is an IPv4
 * address in IPv6 clothes (::ffff:203.0.113.10), whose bytes would be those of the IPv4 one under another name.
 */
export function parseAddress(text: string): string | undefined {
  // Without leading zeros a dotted quad has one form only.
  if (isDottedQuad(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const address = ipaddr.parse(text) as ipaddr.IPv6;
  return address.isIPv4MappedAddress() ? undefined : address.toRFC5952String();
}

/** Four numbers 0..255 without leading zeros. By hand: the rules of a large document ask a hundred thousand times. */
function isDottedQuad(text: string): boolean {
  let dots = 0;
  let digits = 0;
  let number = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0) return false;
      dots++;
      digits = 0;
      number = 0;
    } else {
      if (code < 0x30 || code > 0x39 || (digits > 0 && number === 0)) return false;
      digits++;
      number = number * 10 + code - 0x30;
      if (number > 255) return false;
    }
  }
  return dots === 3 && digits > 0;
}

/**
 * As parseAddress, and link-local IPv6 with the device it is reached by: "fe80::1%eth0". Such an address means nothing
 * without one, and others mean nothing with one, so both are undefined.
 */
export function parseScopedAddress(text: string): string | undefined {
  const [plain = '', zone, extra] = text.split('%');
  const address = parseAddress(plain);
  if (address === undefined || extra !== undefined) return undefined;
  if (!isLinkLocal(address)) return zone === undefined ? address : undefined;
  return zone !== undefined && /^[^\s/:]{1,15}$/.test(zone) ? `${address}%${zone}` : undefined;
}

/** fe80::/10, with or without its device. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/.test(address);
}

/** The device of a link-local address. */
export function zoneOf(address: string): string | undefined {
  return address.split('%')[1];
}

export function withoutZone(address: string): string {
  return address.split('%', 1)[0] ?? address;
}

export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

/** 16 bytes, network order; IPv4 is mapped. `address` must be valid. */
export function addressBytes(address: string): Uint8Array {
  if (familyOf(address) === 6) return Uint8Array.from(ipaddr.parse(address).toByteArray());
  const bytes = new Uint8Array(16);
  bytes[10] = bytes[11] = 0xff;
  new DataView(bytes.buffer).setUint32(12, ipv4Number(address), false);
  return bytes;
}

/** A dotted quad as a number, its first byte the highest. By hand: a large document's compile asks a hundred thousand times. */
export function ipv4Number(address: string): number {
  let number = 0;
  let byte = 0;
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === 0x2e) {
      number = number * 256 + byte;
      byte = 0;
    } else byte = byte * 10 + code - 0x30;
  }
  return number * 256 + byte;
}

function ipv4Text(number: number): string {
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

/** The 4 bytes of an IPv4 address as they lie in memory, read as a little-endian word. */
export function ipv4Word(address: string): number {
  const number = ipv4Number(address);
  return ((number << 24) | ((number & 0xff00) << 8) | ((number >>> 8) & 0xff00) | (number >>> 24)) >>> 0;
}

/** Text of 16 network-order bytes; a mapped address comes back as IPv4. */
export function addressText(bytes: Uint8Array): string {
  if (isMapped(bytes)) return `${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
  return (ipaddr.fromByteArray([...bytes]) as ipaddr.IPv6).toRFC5952String();
}

/** By hand, as above: pages of flows ask thousands of times. */
function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/** Order of addresses as bytes: IPv4 (mapped) before most IPv6, numeric within. Used wherever a set is sorted by identity. */
export function compareAddresses(a: string, b: string): number {
  if (a === b) return 0;
  if (familyOf(a) === 4 && familyOf(b) === 4) return Math.sign(ipv4Number(a) - ipv4Number(b));
  return Buffer.compare(addressBytes(a), addressBytes(b));
}

export interface Prefix {
  readonly address: string;
  readonly length: number;
}

/** "203.0.113.0/24", or a bare address as a host prefix. Undefined when malformed or when host bits are set. */
export function parsePrefix(text: string): Prefix | undefined {
  if (!text.includes('/')) return hostPrefix(text);
  const [addressPart = '', lengthPart, extra] = text.split('/');
  const address = parseAddress(addressPart);
  if (address === undefined || lengthPart === undefined || extra !== undefined) return undefined;
  const width = familyOf(address) === 4 ? 32 : 128;
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthPart) || Number(lengthPart) > width) return undefined;
  const length = Number(lengthPart);
  return length === width || maskAddress(address, length) === address ? { address, length } : undefined;
}

function hostPrefix(text: string): Prefix | undefined {
  const address = parseAddress(text);
  return address === undefined ? undefined : { address, length: familyOf(address) === 4 ? 32 : 128 };
}

/** The network address of `address` under a prefix of `length` bits of its own family. */
export function maskAddress(address: string, length: number): string {
  if (familyOf(address) === 4) return length === 0 ? '0.0.0.0' : ipv4Text(ipv4Number(address) & (-1 << (32 - length)));
  const bytes = addressBytes(address);
  for (let i = 0; i < 16; i++) {
    const kept = Math.max(0, Math.min(8, length - i * 8));
    bytes[i] = (bytes[i] ?? 0) & (0xff00 >> kept) & 0xff;
  }
  return addressText(bytes);
}

export function isHostPrefix({ address, length }: Prefix): boolean {
  return length === (familyOf(address) === 4 ? 32 : 128);
}
