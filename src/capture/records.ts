// Takes apart what captureDrain gives: records of native/core/layout.h, each in front of its bytes. Pure.

import { constantOf, type Layout, offsetsOf } from '../steering/layout.ts';

export interface Frame {
  /** As many as were kept; valid until the buffer is drained into again. */
  readonly bytes: Uint8Array;
  readonly originalBytes: number;
}

/** One packet that was sampled. Indices and numbers are those of the layout; 0: unknown or none. */
export interface CaptureRecord {
  /** Since 1970. */
  readonly timeNs: bigint;
  readonly verdict: number;
  readonly flow: number;
  readonly vip: number;
  readonly tenant: number;
  readonly backend: number;
  readonly worker: number;
  readonly device: number;
  readonly outDevice: number;
  /** It left as so many fragments, which are not kept; 0: whole, or not at all. */
  readonly pieces: number;
  readonly input: Frame;
  /** Null: it did not leave, or this was not asked for. */
  readonly output: Frame | null;
}

const fields = [
  'time_ns',
  'in_bytes',
  'in_kept',
  'out_bytes',
  'out_kept',
  'vip',
  'tenant',
  'backend',
  'worker',
  'device',
  'out_device',
  'verdict',
  'flow',
  'pieces',
] as const;

export class CaptureRecords {
  readonly #at: Readonly<Record<(typeof fields)[number], number>>;
  readonly #headBytes: number;

  constructor(layout: Layout) {
    this.#at = offsetsOf(layout, 'capture_record', fields);
    this.#headBytes = constantOf(layout, 'LINE_BYTES');
  }

  /** All in `bytes`, in order of time: workers are drained one after the other. */
  read(bytes: Uint8Array): readonly CaptureRecord[] {
    const records: CaptureRecord[] = [];
    for (let at = 0; at < bytes.length; ) {
      const record = this.#record(bytes, at);
      records.push(record);
      at += this.#headBytes + filledUp(record.input.bytes.length) + filledUp(record.output?.bytes.length ?? 0);
    }
    return records.sort((a, b) => Number(a.timeNs - b.timeNs));
  }

  #record(bytes: Uint8Array, start: number): CaptureRecord {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start);
    const u32 = (field: (typeof fields)[number]): number => view.getUint32(this.#at[field], true);
    const u16 = (field: (typeof fields)[number]): number => view.getUint16(this.#at[field], true);
    const frame = (at: number, kept: number, originalBytes: number): Frame => ({
      bytes: bytes.subarray(at, at + kept),
      originalBytes,
    });
    const inputAt = start + this.#headBytes;
    const outputAt = inputAt + filledUp(u32('in_kept'));
    return {
      timeNs: view.getBigUint64(this.#at.time_ns, true),
      verdict: view.getUint8(this.#at.verdict),
      flow: view.getUint8(this.#at.flow),
      vip: u32('vip'),
      tenant: u32('tenant'),
      backend: u32('backend'),
      worker: u32('worker'),
      device: u16('device'),
      outDevice: u16('out_device'),
      pieces: u16('pieces'),
      input: frame(inputAt, u32('in_kept'), u32('in_bytes')),
      output: u32('out_kept') === 0 ? null : frame(outputAt, u32('out_kept'), u32('out_bytes')),
    };
  }
}

function filledUp(bytes: number): number {
  return (bytes + 7) & ~7;
}
