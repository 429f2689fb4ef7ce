// Reading forward through bytes with one bounds check per field.
//
// A decoder says once which error running out of bytes means; after that every read is safe or throws exactly that. Pure.

export class Cursor {
  readonly #bytes: Uint8Array;
  readonly #tooShort: () => Error;
  #offset = 0;

  constructor(bytes: Uint8Array, tooShort: () => Error) {
    this.#bytes = bytes;
    this.#tooShort = tooShort;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** A view, not a copy. */
  take(count: number): Uint8Array {
    if (count > this.remaining) throw this.#tooShort();
    const view = this.#bytes.subarray(this.#offset, this.#offset + count);
    this.#offset += count;
    return view;
  }

  u8(): number {
    return this.#number(1);
  }

  u16(): number {
    return this.#number(2);
  }

  u32(): number {
    return this.#number(4);
  }

  #number(width: number): number {
    let value = 0;
    for (const byte of this.take(width)) value = value * 256 + byte;
    return value;
  }
}

export function u16Bytes(value: number): [number, number] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

export function u32Bytes(value: number): [number, number, number, number] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function bytesToHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
