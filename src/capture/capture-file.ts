// A capture's records as a pcapng, block by block, with names for numbers; counts what it wrote. Its owner says when.
//
// A packet and what left of it are one unit: a limit on packets or size never parts them.

import type { CaptureCounts } from '../dataplane/addon.ts';
import type { CaptureEnd, CaptureQuery } from '../model/capture.ts';
import type { Layout, VerdictEntry } from '../steering/layout.ts';
import { BlockWriter } from './block-writer.ts';
import { writeInterface, writePacket, writeSection, writeStatistics } from './blocks.ts';
import type { CaptureNames } from './names.ts';
import type { CaptureRecord } from './records.ts';

/** Of one device, in the order of start. */
export interface CaptureDevice {
  readonly name: string;
  /** "af_xdp, native, zero-copy" */
  readonly description: string;
}

/** Head, options with their comment, trailer: more than any packet block has beside its packet. */
const packetOverheadBytes = 1024;
const statisticsBytes = 512;

export interface CaptureFileParams {
  readonly query: CaptureQuery;
  readonly devices: readonly CaptureDevice[];
  readonly layout: Layout;
  readonly version: string;
  readonly nowNs: bigint;
}

export class CaptureFile {
  readonly #params: CaptureFileParams;
  readonly #blocks = new BlockWriter();
  readonly #flows: ReadonlyMap<number, string>;
  readonly #written: number[];
  #packets = 0;
  #taken = 0;

  constructor(params: CaptureFileParams) {
    const { query, devices, layout, version } = params;
    this.#params = params;
    this.#flows = new Map(Object.entries(layout.flowKinds).map(([name, number]) => [number, name.toLowerCase()]));
    this.#written = devices.map(() => 0);
    writeSection(this.#blocks, { application: `torii ${version}`, comment: questionText(query) });
    for (const device of devices) writeInterface(this.#blocks, { ...device, snapBytes: query.snapBytes });
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#taken + this.#blocks.used;
  }

  /** "count" or "size" once there is no room for one more. */
  get end(): Extract<CaptureEnd, 'count' | 'size'> | null {
    const { query, devices } = this.#params;
    if (query.count !== null && this.#packets >= query.count) return 'count';
    const largest = (query.snapBytes + packetOverheadBytes) * (query.withOutput ? 2 : 1);
    return this.bytes + largest + statisticsBytes * devices.length > query.bytes ? 'size' : null;
  }

  /** Records until an end is reached. */
  add(records: readonly CaptureRecord[], names: CaptureNames): void {
    for (const record of records) {
      if (this.end !== null) return;
      this.#add(record, names);
    }
  }

  /** Later ones of a device take the place of those before. */
  statistics(counts: readonly CaptureCounts[], nowNs: bigint, end: CaptureEnd | null): void {
    for (const device of this.#params.devices.keys()) {
      const { received = 0, matched = 0, limited = 0, missed = 0 } = counts[device] ?? {};
      writeStatistics(this.#blocks, {
        device,
        startNs: this.#params.nowNs,
        nowNs,
        received,
        matched,
        dropped: limited + missed,
        written: this.#written[device] ?? 0,
        comment: `limited=${limited} missed=${missed}${end === null ? '' : ` end=${end}`}`,
      });
    }
  }

  /** Whole blocks since the last call. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#blocks.take();
    this.#taken += bytes.length;
    return bytes;
  }

  #add(record: CaptureRecord, names: CaptureNames): void {
    const { timeNs, device, outDevice, input, output } = record;
    const entry = this.#params.layout.verdicts[record.verdict];
    const words = wordsOf(record, entry, names, this.#flows);
    const id = BigInt(++this.#packets);
    this.#written[device] = (this.#written[device] ?? 0) + 1;
    writePacket(this.#blocks, { timeNs, id, ...input, device, direction: 'inbound', comment: words });
    if (output === null || outDevice >= this.#params.devices.length) return;
    const comment = `out of packet ${id}: ${words}`;
    writePacket(this.#blocks, { timeNs, id, ...output, device: outDevice, direction: 'outbound', comment });
  }
}

/** "verdict=drop reason=cps_limited vip=203.0.113.10:80/tcp tenant=acme worker=0" */
function wordsOf(
  record: CaptureRecord,
  entry: VerdictEntry | undefined,
  { vips, tenants, backends }: CaptureNames,
  flows: ReadonlyMap<number, string>,
): string {
  const backend = backends.get(record.backend);
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ['verdict', entry?.kind ?? String(record.verdict)],
    ['reason', entry === undefined || entry.reason === 'none' ? undefined : entry.reason],
    ['vip', record.vip === 0 ? undefined : (vips.get(record.vip) ?? 'gone')],
    ['tenant', record.tenant === 0 ? undefined : tenants.get(record.tenant)],
    ['pool', backend?.pool],
    ['backend', record.backend === 0 ? undefined : (backend?.address ?? 'gone')],
    ['flow', record.flow === 0 ? undefined : flows.get(record.flow)],
    ['fragments', record.pieces === 0 ? undefined : String(record.pieces)],
    ['worker', String(record.worker)],
  ];
  return pairs.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`])).join(' ');
}

function questionText(query: CaptureQuery): string {
  const { vip, verdicts, reasons, client, backend, sample, ratePerSec } = query;
  const pairs: readonly (readonly [string, string | null])[] = [
    ['vip', vip],
    ['verdict', verdicts.length === 0 ? null : verdicts.join(',')],
    ['reason', reasons.length === 0 ? null : reasons.join(',')],
    ['client', client],
    ['backend', backend],
    ['sample', String(sample)],
    ['rate', String(ratePerSec)],
  ];
  return `torii capture ${pairs.flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}`])).join(' ')}`;
}
