// One run of a capture through the packet core on the memory engine: one worker, the capture's clock, documents loaded
// when their time comes, with the flow table kept. Main thread.
//
// Packets are handed over in batches for speed only: each is judged at its own moment, and a batch ends where a document
// is loaded, so that the results are those of one packet at a time.

import type { Counters } from '../dataplane/counters.ts';
import { type Frame, type FrameOutcome, restPeriodNs } from '../dataplane/memory-engine.ts';
import type { Desired } from '../model/desired.ts';
import type { CapturedPacket } from './captured-packet.ts';
import { CaptureClock, type Moment } from './clock.ts';
import type { Loading } from './documents.ts';
import type { PcapWriter } from './pcap-writer.ts';
import { packetLine, summaryText } from './report.ts';

const batchPackets = 512;
const batchBytes = 1024 * 1024;

interface Batch {
  readonly frames: Frame[];
  readonly moments: Moment[];
  bytes: number;
}

/** What a run needs of the memory engine. */
export interface ReplayEngine {
  readonly counters: Counters;
  load(desired: Desired, nowNs: bigint): unknown;
  run(frames: readonly Frame[]): readonly FrameOutcome[];
  rest(nowNs: bigint): void;
}

export interface ReplayParams {
  /** With the first document loaded. */
  readonly engine: ReplayEngine;
  /** In order of time. */
  readonly later: readonly Loading[];
  readonly writer: PcapWriter;
  /** Takes the JSON lines of a batch; null: nobody wants them. */
  readonly print: ((lines: string) => void) | null;
}

export class Replay {
  readonly #engine: ReplayEngine;
  readonly #writer: PcapWriter;
  readonly #print: ((lines: string) => void) | null;
  readonly #clock = new CaptureClock();
  readonly #later: readonly Loading[];
  #loaded = 0;
  #judged = 0;
  /** Packets of which the capture has a part only. */
  #parts = 0;
  /** By the engine's time. */
  #restedNs = 0n;
  #batch: Batch = emptyBatch();

  constructor({ engine, later, writer, print }: ReplayParams) {
    this.#engine = engine;
    this.#later = later;
    this.#writer = writer;
    this.#print = print;
  }

  /** Takes the next packet of the capture; true when a batch was judged and its lines printed. */
  add(packet: CapturedPacket): boolean {
    const moment = this.#clock.at(packet.timeNs);
    this.#loadUntil(moment.sinceNs);
    const timeNs = this.#engineTime(moment.sinceNs);
    const { frames, moments } = this.#batch;
    frames.push({ bytes: packet.bytes, timeNs });
    moments.push(moment);
    this.#batch.bytes += packet.bytes.length;
    if (packet.isPart) this.#parts++;
    if (frames.length < batchPackets && this.#batch.bytes < batchBytes) return false;
    this.#judge();
    return true;
  }

  /** Judges what is left. The summary of the whole run. */
  finish(): string {
    this.#judge();
    const [counters] = this.#engine.counters.workers();
    if (counters === undefined) return '';
    return summaryText({
      verdicts: this.#engine.counters.verdicts,
      counters,
      packetsOut: this.#writer.packets,
      sinceNs: this.#clock.sinceNs,
      parts: this.#parts,
      reloads: { done: this.#loaded, left: this.#later.length - this.#loaded },
    });
  }

  /** A document counts for packets of its very instant. */
  #loadUntil(sinceNs: bigint): void {
    for (let next = this.#later[this.#loaded]; next !== undefined && next.atNs <= sinceNs; next = this.#later[this.#loaded]) {
      this.#judge();
      this.#engine.load(next.desired, this.#engineTime(next.atNs));
      this.#loaded++;
    }
  }

  /** The engine's time of a moment, where it has forgotten all that had expired by then. */
  #engineTime(sinceNs: bigint): bigint {
    const timeNs = this.#clock.engineNs(sinceNs);
    if (timeNs - this.#restedNs >= restPeriodNs) this.#judge();
    for (; timeNs - this.#restedNs >= restPeriodNs; this.#restedNs += restPeriodNs) {
      this.#engine.rest(this.#restedNs + restPeriodNs);
    }
    return timeNs;
  }

  #judge(): void {
    const { frames, moments } = this.#batch;
    if (frames.length === 0) return;
    this.#batch = emptyBatch();
    const lines: string[] = [];
    this.#engine.run(frames).forEach((outcome, i) => {
      const { sinceNs, stampNs } = moments[i] ?? { sinceNs: 0n, stampNs: 0n };
      const out = outcome.out.map((bytes) => this.#writer.write(bytes, stampNs));
      const packet = ++this.#judged;
      if (this.#print !== null) lines.push(packetLine({ packet, sinceNs, outcome, out }));
    });
    this.#print?.(lines.join(''));
  }
}

function emptyBatch(): Batch {
  return { frames: [], moments: [], bytes: 0 };
}
