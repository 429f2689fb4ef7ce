// The Internet checksum (RFC 1071) written as its definition: the reference that clever versions are compared with.
//
// Big-endian words, an odd last byte padded with zero, the carry added back until none is left. Pure.

/** One's complement sum of the 16-bit words of `bytes`, folded to 16 bits, on top of `initial`. */
export function onesSum(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** What belongs into a checksum field, given the covered bytes with that field zero. */
export function checksum(bytes: Uint8Array, initial = 0): number {
  return ~onesSum(bytes, initial) & 0xffff;
}

/** A receiver's test: the covered bytes, checksum included, sum to minus zero. */
export function isValid(bytes: Uint8Array, initial = 0): boolean {
  return onesSum(bytes, initial) === 0xffff;
}
