// Outer sources by flow hash (`entropy: true`): what native/core/encap.h computes for a packet, for those who explain one. Pure.
//
// The bits behind the prefix are the fingerprint's: its low half in the last four bytes, its high half in both words before them,
// each little-endian.

import { addressBytes, addressText, type Prefix } from '../model/address.ts';

const addressBits = 128;

/** The address of that prefix for a flow with this fingerprint. */
export function entropySource({ address, length }: Prefix, fp: bigint): string {
  const bytes = addressBytes(address).slice();
  const host = new DataView(new ArrayBuffer(16));
  const [low, high] = [Number(fp & 0xffffffffn), Number(fp >> 32n)];
  host.setUint32(4, high, true);
  host.setUint32(8, high, true);
  host.setUint32(12, low, true);
  const first = address.includes(':') ? length : length + 96;
  for (let bit = first; bit < addressBits; bit++) {
    const at = bit >> 3;
    bytes[at] = (bytes[at] ?? 0) | (host.getUint8(at) & (0x80 >> (bit & 7)));
  }
  return addressText(bytes);
}
