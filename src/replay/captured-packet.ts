// What both capture formats yield, and how their readers say what is wrong with a file. Pure.

import { ToriiError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';

export const linkTypeEthernet = 1;
/** Far above any frame: a file whose record claims more is damaged. */
export const maxPacketBytes = 16 * 1024 * 1024;

export interface CapturedPacket {
  /** As many as were captured. */
  readonly bytes: Uint8Array;
  /** Since 1970; null where the format has none (pcapng's simple packets). */
  readonly timeNs: bigint | null;
  /** There were more on the wire. */
  readonly isPart?: true;
}

export function capturedPacket(bytes: Uint8Array, timeNs: bigint | null, wireBytes: number): CapturedPacket {
  return wireBytes > bytes.length ? { bytes, timeNs, isPart: true } : { bytes, timeNs };
}

/** The `detail` of a file that ends too early: what lies before its end is good. */
export const cutDetail = 'cut';

/** `what` names what the file's end lies in. */
export function cutOff(source: ByteSource, what: string): ToriiError {
  const message = `${source.name} is cut off: it ends in the middle of ${what}, behind byte ${source.offset}`;
  return new ToriiError('capture_invalid', message, { detail: cutDetail });
}

export function damaged(source: ByteSource, what: string): ToriiError {
  return new ToriiError('capture_invalid', `${source.name} is damaged before byte ${source.offset}: ${what}`);
}

export function notEthernet(source: ByteSource, linkType: number, where: string): ToriiError {
  return new ToriiError(
    'capture_invalid',
    `${source.name}: expected Ethernet (link type ${linkTypeEthernet}) ${where}, got link type ${linkType}; capture on one Ethernet device, not on "any"`,
  );
}
