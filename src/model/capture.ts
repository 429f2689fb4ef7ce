// A capture of live packets: what is asked for, and its bounds. Pure.

export const captureVerdicts = ['forward', 'answer', 'pass', 'drop'] as const;
export type CaptureVerdict = (typeof captureVerdicts)[number];

/** Which packets of the node, and how many at most: all that hold. */
export interface CaptureQuery {
  /** A VIP's name, or an address or prefix that packets go to, VIP or not; null: any. */
  readonly vip: string | null;
  /** None: all but `pass`, or with reasons every verdict that has one of them. */
  readonly verdicts: readonly CaptureVerdict[];
  /** As the verdicts page lists them; none: any. */
  readonly reasons: readonly string[];
  /** Address or prefix that packets come from. */
  readonly client: string | null;
  /** Address. */
  readonly backend: string | null;
  /** It ends with so many packets; null: with the time or the size. */
  readonly count: number | null;
  readonly forSec: number;
  /** Of the whole file. */
  readonly bytes: number;
  /** Of so many that hold, one. */
  readonly sample: number;
  readonly ratePerSec: number;
  /** Of each packet; what is longer is cut. */
  readonly snapBytes: number;
  /** Each packet as it leaves, beside how it came. */
  readonly withOutput: boolean;
}

interface Bounds {
  readonly least: number;
  readonly most: number;
}

export const captureBounds = {
  count: { least: 1, most: 10_000_000 },
  forSec: { least: 1, most: 3600 },
  bytes: { least: 4096, most: 1_000_000_000 },
  sample: { least: 1, most: 1_000_000 },
  ratePerSec: { least: 1, most: 100_000 },
  snapBytes: { least: 64, most: 65_535 },
} as const satisfies Record<string, Bounds>;

export const captureDefaults = { forSec: 60, bytes: 100_000_000, sample: 1, ratePerSec: 1000, snapBytes: 1600 } as const;

/** Why a capture ended. `stopped`: the node ended it. */
export type CaptureEnd = 'count' | 'time' | 'size' | 'stopped';

/** One capture under way. */
export interface RunningCapture {
  /** The next bytes of the file, a whole number of its blocks; null: it has ended. Asked for one after the other. */
  next(): Promise<Uint8Array | null>;
  /** Ends it, whatever is left. */
  stop(): void;
}
