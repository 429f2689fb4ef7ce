// A plain reader of pcapng blocks, little-endian, for tests of what torii writes: every length is checked, options are taken apart.

export interface Block {
  readonly type: number;
  /** Without type, lengths and options. */
  readonly head: DataView;
  /** Of an enhanced packet block. */
  readonly frame: Uint8Array;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

const headBytes: Readonly<Record<number, number>> = { 0x0a0d0d0a: 16, 1: 8, 5: 12, 6: 20 };

/** Throws on anything that is not whole. */
export function blocksOf(file: Uint8Array): readonly Block[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const blocks: Block[] = [];
  for (let at = 0; at < file.length; ) {
    const type = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    if (length % 4 !== 0 || view.getUint32(at + length - 4, true) !== length) throw new Error(`block at ${at}: lengths differ`);
    const bytes = headBytes[type];
    if (bytes === undefined) throw new Error(`block at ${at}: unexpected type ${type}`);
    const head = new DataView(file.buffer, file.byteOffset + at + 8, bytes);
    const kept = type === 6 ? head.getUint32(12, true) : 0;
    const from = at + 8 + bytes;
    const frame = file.subarray(from, from + kept);
    blocks.push({ type, head, frame, options: optionsOf(file.subarray(from + Math.ceil(kept / 4) * 4, at + length - 4)) });
    at += length;
  }
  return blocks;
}

function optionsOf(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const options = new Map<number, Uint8Array>();
  let at = 0;
  for (;;) {
    const code = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    if (code === 0) break;
    options.set(code, bytes.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  if (at + 4 !== bytes.length) throw new Error('options do not end with their block');
  return options;
}

export function textOf(block: Block | undefined, code: number): string {
  return new TextDecoder().decode(block?.options.get(code) ?? new Uint8Array(0));
}

export interface SeenPacket {
  readonly device: number;
  readonly bytes: Uint8Array;
  readonly direction: 'inbound' | 'outbound';
  readonly id: number;
  readonly comment: string;
}

/** The packet blocks of a file. */
export function packetsOf(file: Uint8Array): readonly SeenPacket[] {
  return blocksOf(file)
    .filter(({ type }) => type === 6)
    .map((block) => {
      const word = (code: number): Uint8Array => block.options.get(code) ?? new Uint8Array(8);
      return {
        device: block.head.getUint32(0, true),
        bytes: block.frame,
        direction: word(2)[0] === 1 ? 'inbound' : 'outbound',
        id: Number(Buffer.from(word(5)).readBigUInt64LE(0)),
        comment: textOf(block, 1),
      };
    });
}
