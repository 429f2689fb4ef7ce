// The live packet path as the rest of the daemon sees it: start, load, adopted, progress, stop.
//
// Runs in the main thread; nothing here blocks for longer than the copy of a snapshot. Packets are native threads' work
// and never enter JavaScript. Other threads read the same memory through the engine's number (counters.ts, tables.ts).

import { ToriiError } from '../errors.ts';
import {
  type DataplaneAddon,
  type DeviceSpec,
  type DeviceState,
  type EngineId,
  loadDataplaneAddon,
  type QueueFacts,
  type Swept,
} from './addon.ts';
import { capacityFor, type FlowSizes } from './capacity.ts';
import { Counters } from './counters.ts';

export interface Dataplane {
  /** Opens the devices and starts the workers, worker n on `cores[n]`. Throws no_privilege, device_unknown, device_unusable or address_in_use. */
  start(devices: readonly DeviceSpec[], cores?: readonly number[]): void;
  /** Puts a snapshot in force and wakes the workers; returns its generation. Throws snapshot_invalid; the old one stays. */
  load(snapshot: Uint8Array): number;
  /** Resolves once every worker has adopted `generation`; rejects when one does not within `timeoutMs`. */
  whenAdopted(generation: number, timeoutMs: number): Promise<void>;
  progress(): Progress;
  /** What carries each queue of each device, and how it does. */
  queues(): readonly QueueFacts[];
  stop(): void;
}

export interface Progress {
  /** Every worker has shown life since the last call, or this is the first. */
  readonly isAlive: boolean;
  /** Workers that have not. */
  readonly stuck: readonly number[];
  /** In the order of start. */
  readonly devices: readonly { readonly name: string; readonly state: DeviceState; readonly reason: string }[];
}

const adoptionPollMs = 1;

export class LiveDataplane implements Dataplane {
  readonly engine: EngineId;
  readonly workers: number;
  readonly flowCapacity: number;
  readonly slotLines: number;
  readonly counters: Counters;
  readonly #addon: DataplaneAddon;
  #devices: readonly DeviceSpec[] = [];
  #beats: readonly number[] = [];

  constructor(params: FlowSizes) {
    this.#addon = loadDataplaneAddon();
    const layout = this.#addon.layout();
    const capacity = capacityFor(layout, params);
    this.engine = this.#addon.open(capacity);
    this.workers = params.workers;
    this.flowCapacity = capacity.flowLines * 4;
    this.slotLines = capacity.slotLines;
    this.counters = new Counters(this.#addon, this.engine);
  }

  start(devices: readonly DeviceSpec[], cores: readonly number[] = []): void {
    try {
      this.#addon.start(this.engine, this.workers, devices, cores);
    } catch (error) {
      throw asToriiError(error);
    }
    this.#devices = devices;
  }

  load(snapshot: Uint8Array): number {
    try {
      const generation = this.#addon.load(this.engine, snapshot);
      this.#addon.kick(this.engine);
      return generation;
    } catch (error) {
      throw asToriiError(error);
    }
  }

  async whenAdopted(generation: number, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (this.#addon.adopted(this.engine) < generation) {
      if (performance.now() > deadline) {
        throw new ToriiError('not_ready', `a worker has not adopted generation ${generation} within ${timeoutMs} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, adoptionPollMs));
    }
  }

  progress(): Progress {
    const beats = this.counters.heartbeats();
    const stuck = beats.flatMap((beat, worker) => (beat === this.#beats[worker] ? [worker] : []));
    this.#beats = beats;
    const states = this.#addon.deviceStates(this.engine, this.#devices.length);
    const devices = this.#devices.map(({ name }, i) => {
      const state = states[i] ?? 'gone';
      return { name, state, reason: state === 'gone' ? this.#addon.deviceTrouble(this.engine, i) : '' };
    });
    return { isAlive: stuck.length === 0, stuck, devices };
  }

  queues(): readonly QueueFacts[] {
    return this.#addon.deviceFacts(this.engine);
  }

  stop(): void {
    this.#addon.stop(this.engine);
  }
}

/** Takes away what a process that was killed left on a device, unless another balancer has it by now. */
export function sweepDevice(device: string): Swept {
  return loadDataplaneAddon().sweep(device);
}

/** Native errors carry a code of src/errors.ts. */
function asToriiError(error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'no_privilege':
    case 'device_unknown':
    case 'device_unusable':
    case 'address_in_use':
    case 'snapshot_invalid':
    case 'capacity':
      return new ToriiError(code, (error as Error).message, { cause: error });
    case 'busy':
      return new ToriiError('not_ready', (error as Error).message, { cause: error });
    default:
      return error instanceof Error ? error : new Error(String(error));
  }
}
