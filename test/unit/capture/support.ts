// Layout, names and questions for tests of captures; and a packet path that is asked for captures and does as it is told.

import type { CaptureNames } from '../../../src/capture/names.ts';
import { type CaptureCounts, type CaptureFilter, type DataplaneAddon, loadDataplaneAddon } from '../../../src/dataplane/addon.ts';
import { type CaptureQuery, captureDefaults } from '../../../src/model/capture.ts';

export const layout = loadDataplaneAddon().layout();

export const names: CaptureNames = {
  vips: new Map([
    [1, '203.0.113.10:80/tcp'],
    [2, '[2001:db8::10]:443/tcp'],
  ]),
  tenants: new Map([[1, 'acme']]),
  backends: new Map([
    [1, { pool: 'web', address: '10.0.2.21' }],
    [2, { pool: 'web', address: '2001:db8:2::21' }],
  ]),
};

export const everything: CaptureQuery = {
  vip: null,
  verdicts: [],
  reasons: [],
  client: null,
  backend: null,
  count: null,
  ...captureDefaults,
  withOutput: true,
};

export interface RecordFields {
  readonly timeNs?: bigint;
  readonly verdict?: number;
  readonly flow?: number;
  readonly vip?: number;
  readonly tenant?: number;
  readonly backend?: number;
  readonly device?: number;
  readonly outDevice?: number;
  readonly input?: Uint8Array;
  readonly output?: Uint8Array | null;
}

export function verdictNumber(kind: string, reason = 'none'): number {
  return layout.verdicts.find((each) => each.kind === kind && each.reason === reason)?.number ?? -1;
}

/** As native code writes it: the line, then both frames filled up to 8. */
export function recordBytes(fields: RecordFields): Uint8Array {
  const { input = new Uint8Array(60), output = null } = fields;
  const at = layout.structures['capture_record'] ?? {};
  const filled = (bytes: number): number => Math.ceil(bytes / 8) * 8;
  const bytes = new Uint8Array(64 + filled(input.length) + filled(output?.length ?? 0)).fill(0xa5);
  bytes.fill(0, 0, 64);
  const view = new DataView(bytes.buffer);
  const put = (name: string, value: number): void => {
    const { offset = -1, size = 0 } = at[name] ?? {};
    if (size === 4) view.setUint32(offset, value, true);
    else if (size === 2) view.setUint16(offset, value, true);
    else view.setUint8(offset, value);
  };
  view.setBigUint64(at['time_ns']?.offset ?? -1, fields.timeNs ?? 0n, true);
  put('verdict', fields.verdict ?? 0);
  put('flow', fields.flow ?? 0);
  put('vip', fields.vip ?? 0);
  put('tenant', fields.tenant ?? 0);
  put('backend', fields.backend ?? 0);
  put('device', fields.device ?? 0);
  put('out_device', fields.outDevice ?? 0);
  put('in_bytes', input.length);
  put('in_kept', input.length);
  put('out_bytes', output?.length ?? 0);
  put('out_kept', output?.length ?? 0);
  bytes.set(input, 64);
  if (output !== null) bytes.set(output, 64 + filled(input.length));
  return bytes;
}

/** One capture at a time, whose records the test puts in. */
export class FakePath {
  readonly opened: CaptureFilter[] = [];
  isOpen = false;
  /** How often captureStop says that a worker is still at it. */
  lingers = 0;
  counts: CaptureCounts = { received: 0, matched: 0, taken: 0, limited: 0, missed: 0 };
  readonly #waiting: Uint8Array[] = [];

  put(...records: readonly Uint8Array[]): void {
    this.#waiting.push(...records);
  }

  get left(): number {
    return this.#waiting.length;
  }

  get addon(): DataplaneAddon {
    const busy = (): Error => Object.assign(new Error('a capture is under way'), { code: 'capture_busy' });
    const parts: Partial<DataplaneAddon> = {
      layout: () => layout,
      deviceFacts: () => [],
      captureOpen: (_engine, filter) => {
        if (this.isOpen) throw busy();
        this.isOpen = true;
        this.opened.push(filter);
        return 4096;
      },
      captureDrain: (_engine, into) => {
        let used = 0;
        for (let next = this.#waiting[0]; next !== undefined && used + next.length <= into.length; next = this.#waiting[0]) {
          into.set(next, used);
          used += next.length;
          this.#waiting.shift();
        }
        return used;
      },
      captureCounts: () => [this.counts],
      captureStop: () => this.lingers-- <= 0,
      captureClose: () => {
        this.isOpen = false;
        return true;
      },
    };
    return parts as DataplaneAddon;
  }
}
