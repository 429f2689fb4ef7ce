// What one replay is asked for, and where its words go. Types only, so that the CLI can name them without loading the
// packet path.

export interface Reload {
  /** After the first packet. */
  readonly atNs: bigint;
  /** Path of the document. */
  readonly file: string;
}

export interface ReplayOptions {
  /** Path of the capture to read; "-": standard input. */
  readonly input: string;
  /** Path of the capture to write. */
  readonly output: string;
  /** Path of the document that holds from the start. */
  readonly config: string;
  /** In the order given; those of one instant are loaded in that order. */
  readonly reloads: readonly Reload[];
  /** Canonical addresses of backends that are down. */
  readonly down: readonly string[];
  /** Of every next hop. */
  readonly mtuBytes: number;
  /** One line per packet on standard output. */
  readonly isJson: boolean;
}

export interface ReplayStreams {
  out(text: string): void;
  err(text: string): void;
  /** Fulfilled when standard output can take more. */
  drained(): Promise<void>;
}
