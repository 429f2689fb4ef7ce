// Frames for benchmarks, to the VIPs of bench/desired.ts. Native code varies source address and port.

export const tcpAck = 0x10;
export const tcpSyn = 0x02;

const ethernetBytes = 14;

export interface Frames {
  /** One after the other. */
  readonly bytes: Uint8Array;
  readonly lengths: Uint32Array;
}

export function framesOf(...frames: readonly Uint8Array[]): Frames {
  return {
    bytes: Uint8Array.from(frames.flatMap((frame) => [...frame])),
    lengths: Uint32Array.from(frames, ({ length }) => length),
  };
}

/** A TCP frame of `length` bytes to port 80 of VIP number `vip`. */
export function ipv4Frame(flags: number, length = 64, vip = 0): Uint8Array {
  const frame = new Uint8Array(length);
  const total = length === 64 ? 50 : length - ethernetBytes;
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x08, 0x00]);
  frame.set(
    [0x45, 0, total >> 8, total & 255, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 203, vip >> 16, (vip >> 8) & 255, vip & 255],
    ethernetBytes,
  );
  frame.set(tcpHeader(flags), ethernetBytes + 20);
  return frame;
}

/** A TCP frame of `length` bytes to [2001:db8:b::]:80. */
export function ipv6Frame(flags: number, length = 74): Uint8Array {
  const frame = new Uint8Array(length);
  const payload = length - ethernetBytes - 40;
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x86, 0xdd]);
  frame.set([0x60, 0, 0, 0, payload >> 8, payload & 255, 6, 64], ethernetBytes);
  frame.set([0x20, 1, 0x0d, 0xb8, 0, 0xc], ethernetBytes + 8);
  frame.set([0x20, 1, 0x0d, 0xb8, 0, 0xb], ethernetBytes + 24);
  frame.set(tcpHeader(flags), ethernetBytes + 40);
  return frame;
}

function tcpHeader(flags: number): readonly number[] {
  return [4, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0];
}
