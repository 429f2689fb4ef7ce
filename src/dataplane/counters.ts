// Reads the packet path's counters in place, from whichever thread asks.
//
// Workers write them without locks, each its own block, so a total over workers is of no single instant; each word by itself is
// whole. Numbers are exact to 2^53. Offsets come from the native layout.

import { constantOf, type Layout, offsetsOf, type VerdictEntry } from '../steering/layout.ts';
import type { CounterShape, DataplaneAddon, EngineId, QueueFacts } from './addon.ts';

export interface WorkerCounters {
  readonly generation: number;
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly bursts: number;
  readonly busyNs: number;
  /** Changes while the worker lives. */
  readonly heartbeat: number;
  readonly untracked: number;
  readonly evicted: number;
  readonly resteered: number;
  readonly newFlows: number;
  /** Gauge. */
  readonly flows: number;
  readonly rxLost: number;
  readonly txErrors: number;
  /** By verdict number. */
  readonly verdicts: readonly number[];
}

export interface VipCounters {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly newFlows: number;
  readonly untracked: number;
  readonly evicted: number;
  readonly resteered: number;
  readonly verdicts: readonly number[];
}

export interface BackendCounters {
  readonly packets: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly newFlows: number;
  readonly resteered: number;
  /** ICMP errors that say there is no way to it. */
  readonly unreachable: number;
}

export interface TenantCounters {
  readonly admitted: number;
  readonly limited: number;
}

const vipLines = 4;

function fieldsOf(layout: Layout) {
  return {
    worker: offsetsOf(layout, 'worker_counters', [
      'generation',
      'rx_packets',
      'rx_bytes',
      'tx_packets',
      'tx_bytes',
      'bursts',
      'busy_ns',
      'heartbeat',
      'verdict',
      'untracked',
      'evicted',
      'resteered',
      'new_flows',
      'flows',
      'rx_lost',
      'tx_errors',
    ]),
    vip: offsetsOf(layout, 'vip_counters', [
      'bytes_in',
      'bytes_out',
      'new_flows',
      'untracked',
      'evicted',
      'resteered',
      'verdict',
    ]),
    backend: offsetsOf(layout, 'backend_counters', ['packets', 'bytes_in', 'bytes_out', 'new_flows', 'resteered', 'unreachable']),
    tenant: offsetsOf(layout, 'tenant_counters', ['admitted', 'limited']),
  };
}

export class Counters {
  readonly verdicts: readonly VerdictEntry[];
  readonly #addon: DataplaneAddon;
  readonly #engine: EngineId;
  readonly #words: BigUint64Array;
  readonly #shape: CounterShape;
  readonly #wordsPerLine: number;
  readonly #fields: ReturnType<typeof fieldsOf>;

  constructor(addon: DataplaneAddon, engine: EngineId) {
    const layout = addon.layout();
    this.#addon = addon;
    this.#engine = engine;
    this.verdicts = layout.verdicts;
    this.#words = new BigUint64Array(addon.view(engine, layout.tables['COUNTERS'] ?? -1));
    this.#shape = addon.shape(engine);
    this.#wordsPerLine = constantOf(layout, 'LINE_BYTES') / 8;
    this.#fields = fieldsOf(layout);
  }

  /** What carries each queue of each device, and how it does. May wait for a worker that is opening a device. */
  queues(): readonly QueueFacts[] {
    return this.#addon.deviceFacts(this.#engine);
  }

  workers(): WorkerCounters[] {
    const at = this.#fields.worker;
    return Array.from({ length: this.#shape.workers }, (_, worker) => {
      const base = worker * this.#shape.linesPerWorker * this.#wordsPerLine;
      const word = (offset: number): number => Number(this.#words[base + offset / 8] ?? 0n);
      return {
        generation: word(at.generation),
        rxPackets: word(at.rx_packets),
        rxBytes: word(at.rx_bytes),
        txPackets: word(at.tx_packets),
        txBytes: word(at.tx_bytes),
        bursts: word(at.bursts),
        busyNs: word(at.busy_ns),
        heartbeat: word(at.heartbeat),
        untracked: word(at.untracked),
        evicted: word(at.evicted),
        resteered: word(at.resteered),
        newFlows: word(at.new_flows),
        flows: word(at.flows),
        rxLost: word(at.rx_lost),
        txErrors: word(at.tx_errors),
        verdicts: this.verdicts.map(({ number }) => word(at.verdict + number * 8)),
      };
    });
  }

  /** By worker; another number at each of its rounds. */
  heartbeats(): readonly number[] {
    const { workers, linesPerWorker } = this.#shape;
    const word = this.#fields.worker.heartbeat / 8;
    return Array.from({ length: workers }, (_, worker) =>
      Number(this.#words[worker * linesPerWorker * this.#wordsPerLine + word] ?? 0n),
    );
  }

  vip(index: number): VipCounters {
    const at = this.#fields.vip;
    const word = this.#summed(this.#shape.vipCounters + index * vipLines);
    return {
      bytesIn: word(at.bytes_in),
      bytesOut: word(at.bytes_out),
      newFlows: word(at.new_flows),
      untracked: word(at.untracked),
      evicted: word(at.evicted),
      resteered: word(at.resteered),
      verdicts: this.verdicts.map(({ number }) => word(at.verdict + number * 8)),
    };
  }

  backend(index: number): BackendCounters {
    const at = this.#fields.backend;
    const word = this.#summed(this.#shape.backendCounters + index);
    return {
      packets: word(at.packets),
      bytesIn: word(at.bytes_in),
      bytesOut: word(at.bytes_out),
      newFlows: word(at.new_flows),
      resteered: word(at.resteered),
      unreachable: word(at.unreachable),
    };
  }

  tenant(index: number): TenantCounters {
    const at = this.#fields.tenant;
    const word = this.#summed(this.#shape.tenantCounters + index);
    return { admitted: word(at.admitted), limited: word(at.limited) };
  }

  /** Sum over all workers of the word `offset` bytes into the structure at `line` of worker 0. */
  #summed(line: number): (offset: number) => number {
    const { workers, linesPerWorker } = this.#shape;
    return (offset) => {
      let sum = 0n;
      for (let worker = 0; worker < workers; worker++) {
        sum += this.#words[(line + worker * linesPerWorker) * this.#wordsPerLine + offset / 8] ?? 0n;
      }
      return Number(sum);
    };
  }
}
