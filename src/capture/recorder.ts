// Runs the node's captures, one at a time: opens the rings of the packet path, empties them every few milliseconds and sends the
// file on piece by piece. Metrics thread, which has the names and time to spare; workers never wait for it.
//
// Whoever takes the pieces says how far it has come: where it falls behind, the rings are left alone, fill up, and what comes
// then is counted as missed.

import type { CaptureCounts, DataplaneAddon, EngineId } from '../dataplane/addon.ts';
import { type ErrorCode, isErrorCode, messageOf, ToriiError } from '../errors.ts';
import type { CaptureEnd, CaptureQuery } from '../model/capture.ts';
import { type CaptureDevice, CaptureFile } from './capture-file.ts';
import { filterOf } from './filter.ts';
import { type CaptureNames, noNames } from './names.ts';
import { CaptureRecords } from './records.ts';

const drainEveryMs = 20;
const statisticsEveryMs = 1000;
const leaveEveryMs = 1;
const drainBytes = 1024 * 1024;
/** Of one look: then other work of this thread is let in. */
const drainsInOneGo = 4;
/** Sent, and not yet taken. */
const unreadBytesMax = 8 * 1024 * 1024;
const nsPerMs = 1_000_000n;

export type ToRecorder =
  /** Device names in the order of start. */
  | { readonly kind: 'start'; readonly id: number; readonly query: CaptureQuery; readonly devices: readonly string[] }
  | { readonly kind: 'read'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'stop'; readonly id: number };

export type FromRecorder =
  | { readonly kind: 'started'; readonly id: number }
  | { readonly kind: 'refused'; readonly id: number; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'bytes'; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'ended'; readonly id: number };

export interface RecorderParams {
  readonly addon: DataplaneAddon;
  readonly engine: EngineId;
  readonly version: string;
  readonly send: (message: FromRecorder) => void;
}

interface Recording {
  readonly id: number;
  readonly file: CaptureFile;
  readonly buffer: Uint8Array;
  readonly endsAtMs: number;
  timer: NodeJS.Timeout | undefined;
  statisticsAtMs: number;
  unreadBytes: number;
  end: CaptureEnd | null;
}

export class Recorder {
  readonly #params: RecorderParams;
  readonly #records: CaptureRecords;
  #names: CaptureNames = noNames;
  #recording: Recording | null = null;

  constructor(params: RecorderParams) {
    this.#params = params;
    this.#records = new CaptureRecords(params.addon.layout());
  }

  setNames(names: CaptureNames): void {
    this.#names = names;
  }

  take(message: ToRecorder): void {
    const current = this.#recording?.id === message.id ? this.#recording : null;
    if (message.kind === 'start') this.#start(message);
    else if (message.kind === 'read' && current !== null) current.unreadBytes -= message.bytes;
    else if (message.kind === 'stop' && current !== null) this.#end(current, 'stopped');
  }

  /** Ends what is under way, at once; the owner of the engine is about to stop it. */
  close(): void {
    const recording = this.#recording;
    if (recording === null) return;
    clearTimeout(recording.timer);
    this.#finish(recording);
  }

  #start(message: Extract<ToRecorder, { kind: 'start' }>): void {
    const { id } = message;
    let recording: Recording;
    try {
      recording = this.#open(message);
    } catch (error) {
      return this.#params.send({ kind: 'refused', id, code: codeOf(error), message: messageOf(error) });
    }
    this.#recording = recording;
    this.#params.send({ kind: 'started', id });
    this.#send(recording);
    this.#again(recording, drainEveryMs);
  }

  /** The rings come last: nothing else may fail once they are open. */
  #open({ id, query, devices }: Extract<ToRecorder, { kind: 'start' }>): Recording {
    const { addon, engine, version } = this.#params;
    const layout = addon.layout();
    const filter = filterOf(query, layout.verdicts, this.#names);
    const described = describe(devices, addon, engine);
    const file = new CaptureFile({ query, devices: described, layout, version, nowNs: wallNs() });
    const longest = addon.captureOpen(engine, filter);
    const now = performance.now();
    return {
      id,
      file,
      buffer: new Uint8Array(Math.max(drainBytes, longest)),
      endsAtMs: now + query.forSec * 1000,
      timer: undefined,
      statisticsAtMs: now + statisticsEveryMs,
      unreadBytes: 0,
      end: null,
    };
  }

  #again(recording: Recording, afterMs: number): void {
    recording.timer = setTimeout(() => this.#look(recording), afterMs);
  }

  #look(recording: Recording): void {
    const { addon, engine } = this.#params;
    const now = performance.now();
    if (recording.end !== null) {
      // A worker in the middle of a burst may still write.
      if (addon.captureStop(engine)) this.#finish(recording);
      else this.#again(recording, leaveEveryMs);
      return;
    }
    if (recording.unreadBytes < unreadBytesMax) {
      this.#drain(recording);
      if (now >= recording.statisticsAtMs) {
        recording.statisticsAtMs = now + statisticsEveryMs;
        recording.file.statistics(this.#counts(), wallNs(), null);
      }
      this.#send(recording);
    }
    const end = recording.file.end ?? (now >= recording.endsAtMs ? 'time' : null);
    if (end === null) this.#again(recording, drainEveryMs);
    else this.#end(recording, end);
  }

  #end(recording: Recording, end: CaptureEnd): void {
    recording.end ??= end;
    clearTimeout(recording.timer);
    this.#look(recording);
  }

  #finish(recording: Recording): void {
    const { addon, engine, send } = this.#params;
    addon.captureStop(engine);
    this.#drain(recording);
    recording.file.statistics(this.#counts(), wallNs(), recording.end ?? 'stopped');
    this.#send(recording);
    addon.captureClose(engine);
    this.#recording = null;
    send({ kind: 'ended', id: recording.id });
  }

  #drain({ file, buffer }: Recording): void {
    const { addon, engine } = this.#params;
    for (let i = 0; i < drainsInOneGo && file.end === null; i++) {
      const used = addon.captureDrain(engine, buffer);
      if (used === 0) return;
      file.add(this.#records.read(buffer.subarray(0, used)), this.#names);
    }
  }

  #counts(): readonly CaptureCounts[] {
    return this.#params.addon.captureCounts(this.#params.engine);
  }

  #send(recording: Recording): void {
    const bytes = recording.file.take();
    if (bytes.length === 0) return;
    recording.unreadBytes += bytes.length;
    this.#params.send({ kind: 'bytes', id: recording.id, bytes });
  }
}

/** Each device with what carries its packets: of its first queue, since all are opened alike. */
function describe(names: readonly string[], addon: DataplaneAddon, engine: EngineId): readonly CaptureDevice[] {
  const queues = addon.deviceFacts(engine);
  return names.map((name, device) => {
    const facts = queues.find((queue) => queue.device === device);
    if (facts === undefined) return { name, description: '' };
    const mode = facts.xdp === 'none' ? [] : [facts.xdp, facts.copy];
    return { name, description: [facts.engine, ...mode].join(', ') };
  });
}

function wallNs(): bigint {
  return BigInt(Date.now()) * nsPerMs;
}

/** Native errors carry a code of src/errors.ts. */
function codeOf(error: unknown): ErrorCode {
  if (error instanceof ToriiError) return error.code;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return isErrorCode(code) ? code : 'internal';
}
