// The flow table of one worker, as docs/packet-path.md describes it: buckets of four, two choices a flow, two classes.
//
// The oracle of native/core/flows.h: objects instead of packed words, and expired entries are empty places everywhere.
// Where the spec leaves a tie open, the lowest place of the flow's first bucket is taken, as the engines do.

export interface FlowTimeouts {
  readonly probationMs: number;
  readonly establishedMs: number;
  readonly finMs: number;
}

export interface FlowEntry {
  readonly fingerprint: bigint;
  /** Name of the backend and which life of it: one that left and came back is another. */
  readonly backend: string;
  readonly incarnation: number;
  readonly state: 'probation' | 'established';
  /** Established, and a FIN was seen. */
  readonly isFinished: boolean;
  readonly seenMs: number;
  readonly timeouts: FlowTimeouts;
  /** Whether the entry alone, without its tuple, tells the flow's slot: only where the whole tuple is hashed. */
  readonly isHashedByTuple: boolean;
}

export interface FlowKey {
  readonly fingerprint: bigint;
  /** The two bucket numbers of its hash, not masked yet. */
  readonly buckets: readonly [number, number];
}

/** Where a flow may be put. */
export interface Place {
  readonly bucket: number;
  readonly index: number;
  /** Whether a live flow has to go for it. */
  readonly displaces: boolean;
}

const bucketEntries = 4;
export const idleMs = 60_000;

export class FlowTable {
  readonly #buckets: (FlowEntry | undefined)[][];

  /** `entries` is four times a power of two. */
  constructor(entries: number) {
    const count = entries / bucketEntries;
    if (!Number.isInteger(Math.log2(count)))
      throw new RangeError(`flow entries: expected four times a power of two, got ${entries}`);
    this.#buckets = Array.from({ length: count }, () => Array.from({ length: bucketEntries }, () => undefined));
  }

  /** Where the flow is remembered; undefined: unknown, or forgotten by now. */
  find(key: FlowKey, nowMs: number): (Place & { readonly entry: FlowEntry }) | undefined {
    for (const place of this.#places(key)) {
      const entry = this.#at(place);
      if (entry?.fingerprint === key.fingerprint && isLive(entry, nowMs)) return { ...place, entry };
    }
    return undefined;
  }

  /** Room for a new flow, in the order of the spec; undefined: there is none. `isDispensable` knows today's tables. */
  room(key: FlowKey, nowMs: number, isDispensable: (entry: FlowEntry) => boolean): Place | undefined {
    const places = this.#places(key);
    return this.#free(places, nowMs) ?? this.#oldestProbation(places) ?? this.#dispensable(places, nowMs, isDispensable);
  }

  put({ bucket, index }: Place, entry: FlowEntry): void {
    const places = this.#buckets[bucket];
    if (places === undefined) throw new RangeError(`no bucket ${bucket}`);
    places[index] = entry;
  }

  /** Flows that are remembered at this moment. */
  count(nowMs: number): number {
    return this.#buckets.flat().filter((entry) => entry !== undefined && isLive(entry, nowMs)).length;
  }

  #at({ bucket, index }: Place): FlowEntry | undefined {
    return this.#buckets[bucket]?.[index];
  }

  /** All places a flow may lie in, in order of preference. */
  #places({ buckets }: FlowKey): readonly Place[] {
    const mask = this.#buckets.length - 1;
    const first = (buckets[0] & mask) >>> 0;
    const wanted = (buckets[1] & mask) >>> 0;
    const second = wanted === first ? wanted ^ (1 & mask) : wanted;
    const both = second === first ? [first] : [first, second];
    return both.flatMap((bucket) => Array.from({ length: bucketEntries }, (_, index) => ({ bucket, index, displaces: false })));
  }

  /** An empty or expired place in the first bucket while more than half of that is free, then in the one that has more of them. */
  #free(places: readonly Place[], nowMs: number): Place | undefined {
    const free = places.filter((place) => {
      const entry = this.#at(place);
      return entry === undefined || !isLive(entry, nowMs);
    });
    const first = free.filter(({ bucket }) => bucket === places[0]?.bucket);
    const second = free.filter(({ bucket }) => bucket !== places[0]?.bucket);
    return (first.length <= bucketEntries / 2 && second.length > first.length ? second : first)[0];
  }

  #oldestProbation(places: readonly Place[]): Place | undefined {
    const seen = (place: Place): number => this.#at(place)?.seenMs ?? Number.POSITIVE_INFINITY;
    const probation = places.filter((place) => this.#at(place)?.state === 'probation');
    const oldest = probation.reduce<Place | undefined>(
      (found, place) => (found === undefined || seen(place) < seen(found) ? place : found),
      undefined,
    );
    return oldest && { ...oldest, displaces: true };
  }

  #dispensable(places: readonly Place[], nowMs: number, isDispensable: (entry: FlowEntry) => boolean): Place | undefined {
    const place = places.find((each) => {
      const entry = this.#at(each);
      return entry !== undefined && nowMs - entry.seenMs >= idleMs && entry.isHashedByTuple && isDispensable(entry);
    });
    return place && { ...place, displaces: true };
  }
}

function isLive({ state, isFinished, seenMs, timeouts }: FlowEntry, nowMs: number): boolean {
  const { probationMs, establishedMs, finMs } = timeouts;
  const timeoutMs = state === 'probation' ? probationMs : isFinished ? finMs : establishedMs;
  return nowMs - seenMs < timeoutMs;
}
