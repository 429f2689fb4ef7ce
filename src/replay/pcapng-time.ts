// What a pcapng interface's time stamps mean: ticks of if_tsresol, moved by if_tsoffset (draft-ietf-opsawg-pcapng, 4.2).
// Exact in integers; finer ticks than nanoseconds are cut. Pure.

import { optionHeaderBytes, interfaceOptions as options } from './pcapng-format.ts';

const nsPerSec = 1_000_000_000n;

export interface InterfaceTime {
  /** A tick is nsNumerator / nsDenominator nanoseconds. */
  readonly nsNumerator: bigint;
  readonly nsDenominator: bigint;
  readonly offsetNs: bigint;
}

/** Microseconds since 1970. */
const microseconds = resolutionOf(6);

export function toNs({ nsNumerator, nsDenominator, offsetNs }: InterfaceTime, ticks: bigint): bigint {
  return (ticks * nsNumerator) / nsDenominator + offsetNs;
}

/** From the options of an interface description. Options that do not fit their block end the list. */
export function readInterfaceTime(bytes: Buffer, isLittle: boolean): InterfaceTime {
  const u16 = (at: number): number => (isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  let resolution = microseconds;
  let offsetNs = 0n;
  for (let at = 0; at + optionHeaderBytes <= bytes.length; ) {
    const code = u16(at);
    const length = u16(at + 2);
    const value = at + optionHeaderBytes;
    if (code === options.end || value + length > bytes.length) break;
    if (code === options.resolution && length >= 1) resolution = resolutionOf(bytes[value] ?? 0);
    if (code === options.offset && length >= 8) {
      offsetNs = (isLittle ? bytes.readBigInt64LE(value) : bytes.readBigInt64BE(value)) * nsPerSec;
    }
    at = value + Math.ceil(length / 4) * 4;
  }
  return { ...resolution, offsetNs };
}

/** The option's byte: a negative power of ten, or of two where the highest bit is set. */
function resolutionOf(byte: number): Omit<InterfaceTime, 'offsetNs'> {
  const exponent = BigInt(byte & 0x7f);
  return { nsNumerator: nsPerSec, nsDenominator: (byte & 0x80) === 0 ? 10n ** exponent : 1n << exponent };
}
