// Outer sources by flow hash (`entropy: true`), after docs/packet-path.md, "Header rules". Pure.
//
// An address is 16 bytes; the bits behind the prefix are the fingerprint's: its low half in the last four bytes, its high half in
// both words before them, each little-endian.

import { addressText, familyOf } from '../../src/model/address.ts';
import type { DesiredNode } from '../../src/model/desired.ts';
import { bytesOf, holds } from '../support/addresses.ts';

type Entropy = DesiredNode['entropy'];

export function isEntropySource({ prefix, prefix6 }: Entropy, address: string): boolean {
  return [prefix, prefix6].some((each) => each !== null && holds(each, address));
}

/** Undefined: no prefix of the backend's family. */
export function entropySource({ prefix, prefix6 }: Entropy, backend: string, fingerprint: bigint): string | undefined {
  const chosen = familyOf(backend) === 4 ? prefix : prefix6;
  if (chosen === null) return undefined;
  const bytes = bytesOf(chosen.address).slice();
  const filler = fillerOf(fingerprint);
  const first = familyOf(backend) === 4 ? 96 + chosen.length : chosen.length;
  for (let bit = first; bit < 128; bit++) {
    const at = bit >> 3;
    bytes[at] = (bytes[at] ?? 0) | ((filler[at] ?? 0) & (0x80 >> (bit & 7)));
  }
  return addressText(bytes);
}

function fillerOf(fingerprint: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  const [low, high] = [Number(fingerprint & 0xffffffffn), Number(fingerprint >> 32n)];
  view.setUint32(4, high, true);
  view.setUint32(8, high, true);
  view.setUint32(12, low, true);
  return new Uint8Array(view.buffer);
}
