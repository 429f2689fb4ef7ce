// What the requester is told and what it reports: one JSON object a line on its standard output, either a result or a
// watermark. Pure types.

export interface RequesterOptions {
  readonly vip: { readonly address: string; readonly port: number };
  /** Local addresses to send from, in turn. */
  readonly sources: readonly string[];
  /**
   * fresh: each request on a connection of its own, `perSec` of them. kept: `connections` long-lived connections, each
   * with one request every `everyMs`; one that breaks is opened again and counts as another connection.
   */
  readonly mode:
    | { readonly kind: 'fresh'; readonly perSec: number }
    | { readonly kind: 'kept'; readonly connections: number; readonly everyMs: number };
  readonly timeoutMs: number;
  /** Ends by itself after so long, whatever happens to whoever started it. */
  readonly durationMs: number;
}

export interface RequestResult {
  /** Wall clock, milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly ok: boolean;
  /** Why it failed: Node's error code, or "status 503". Null when ok. */
  readonly error: string | null;
  /** Who answered, and what reached it, as the origin reports; null when nobody did. */
  readonly backend: string | null;
  readonly clientAddressSeen: string | null;
  readonly vipSeen: string | null;
  readonly clientAddress: string;
  readonly clientPort: number | null;
  /** Connections are numbered in the order in which they were opened. */
  readonly connection: number;
  /** Requests that this connection had carried before. */
  readonly reused: number;
}

/** Every request that began before this moment has ended and was reported. Sent ten times a second. */
export interface Watermark {
  readonly settledMs: number;
}
